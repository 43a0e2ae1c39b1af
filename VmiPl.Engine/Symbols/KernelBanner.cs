using System.Text;

namespace VmiPl.Symbols;

/// <summary>The kernel's banner (<c>linux_banner</c>, init/version.c): "Linux version RELEASE (builder@host) …".</summary>
internal static class KernelBanner
{
    private const int MaxReleaseBytes = 65;   // __NEW_UTS_LEN and its NUL

    /// <summary>What every banner starts with.</summary>
    public static ReadOnlySpan<byte> Prefix => "Linux version "u8;

    /// <summary>Bytes that are enough to tell a banner and its release.</summary>
    public static int Bytes => Prefix.Length + MaxReleaseBytes + 1;

    /// <summary>Takes the release out of a banner that starts at the first byte; false where this is no banner.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out string release)
    {
        release = "";
        if (!bytes.StartsWith(Prefix))
            return false;
        ReadOnlySpan<byte> rest = bytes[Prefix.Length..];
        int end = rest.IndexOf((byte)' ');
        // "(" behind the release tells the banner from other sentences about a Linux version.
        if (end is < 1 or > MaxReleaseBytes || !char.IsAsciiDigit((char)rest[0]) || end + 1 >= rest.Length || rest[end + 1] != '(')
            return false;
        foreach (byte letter in rest[..end])
        {
            if (letter is <= 0x20 or >= 0x7F)
                return false;
        }
        release = Encoding.ASCII.GetString(rest[..end]);
        return true;
    }

    /// <summary>Reads a banner at an address; false where there is none.</summary>
    public static bool TryRead(KernelImage image, ulong address, out string release)
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        return TryParse(bytes[..image.Read(address, bytes)], out release);
    }

    /// <summary>Finds the banner in an image by its content.</summary>
    public static bool TryFind(KernelImage image, out ulong address, out string release)
    {
        ulong at = 0;
        string found = "";
        image.Sweep(Bytes, (start, bytes) =>
        {
            int from = 0;
            while (true)
            {
                int hit = bytes[from..].IndexOf(Prefix);
                if (hit < 0)
                    return false;
                from += hit;
                if (TryParse(bytes[from..], out found))
                {
                    at = start + (ulong)from;
                    return true;
                }
                from += Prefix.Length;
            }
        });
        address = at;
        release = found;
        return at != 0;
    }
}
