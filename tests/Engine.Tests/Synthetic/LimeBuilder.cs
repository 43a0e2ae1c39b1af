namespace VmiPl.Tests.Synthetic;

/// <summary>Writes LiME dumps from the format's description.</summary>
internal static class LimeBuilder
{
    public static byte[] Build(params (ulong First, ulong Last, byte[] Content)[] ranges)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        foreach ((ulong first, ulong last, byte[] content) in ranges)
        {
            writer.Write("EMiL"u8);
            writer.Write(1);
            writer.Write(first);
            writer.Write(last);
            writer.Write(0UL);
            writer.Write(content);
        }
        return stream.ToArray();
    }
}
