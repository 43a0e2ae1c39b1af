namespace VmiPl.Symbols.Kallsyms;

/// <summary>A polynomial hash of a piece of text, made so that the hash of a whole follows from those of its pieces: names
/// can then be hashed token by token without being expanded.</summary>
internal readonly record struct NameHash(uint Value, uint Power)
{
    private const uint Factor = 0x0100_0193;

    /// <summary>The hash of a piece.</summary>
    public static NameHash Of(ReadOnlySpan<byte> text)
    {
        uint value = 0, power = 1;
        foreach (byte letter in text)
        {
            value = value * Factor + letter + 1u;
            power *= Factor;
        }
        return new NameHash(value, power);
    }

    /// <summary>The hash of a text followed by this piece.</summary>
    public uint AppendTo(uint hash) => hash * Power + Value;
}
