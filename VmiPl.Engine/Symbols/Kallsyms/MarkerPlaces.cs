using System.Buffers.Binary;

namespace VmiPl.Symbols.Kallsyms;

/// <summary>Where the markers of a table with a given number of symbols can stand before the tokens: right before them (to
/// 6.1, and from 6.4 on), or with <c>kallsyms_seqs_of_names</c> between, 3 bytes a symbol (6.2, 6.3, and kernels that took
/// it over). Asked before names are walked, as few numbers that look like a count have markers where they should be.</summary>
internal readonly ref struct MarkerPlaces(ReadOnlySpan<byte> bytes, int tokensStart)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Whether markers start somewhere with the first one's value, 0, and with <paramref name="second"/>, the
    /// position of the 257th name; a negative <paramref name="second"/> is not known yet.</summary>
    public bool Fit(int count, int second)
    {
        int markers = (count + 255) >> 8;
        foreach (int alignment in (ReadOnlySpan<int>)[8, 4])
        {
            foreach (int between in (ReadOnlySpan<int>)[0, 3, 4])
            {
                foreach (int width in (ReadOnlySpan<int>)[4, 8])
                {
                    long at = (long)tokensStart - Align((long)between * count, alignment) - Align((long)markers * width, alignment);
                    if (at >= 0 && At(at) == 0 && (second < 0 || markers < 2 || At(at + width) == (uint)second))
                        return true;
                }
            }
        }
        return false;
    }

    private uint At(long position) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes[(int)position..]);

    private static long Align(long value, int alignment) => (value + alignment - 1) & -alignment;
}
