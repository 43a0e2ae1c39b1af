namespace VmiPl.Symbols.Kallsyms;

/// <summary>The symbols that mark the start of the kernel's text, by index (−1: absent). They tell which reading of the
/// address table is the right one.</summary>
internal readonly record struct TextSymbols(int Text, int StartText)
{
    /// <summary>Looks them up; they stand near the start of the table, behind the per-CPU symbols.</summary>
    public static TextSymbols Find(NameStream names)
    {
        int text = -1, startText = -1;
        Span<byte> name = stackalloc byte[16];
        for (int i = 0, at = 0; i < names.Count && (text < 0 || startText < 0); i++, at = names.Next(at))
        {
            ReadOnlySpan<byte> got = name[..names.Expand(at, name, out _)];
            if (text < 0 && got.SequenceEqual("_text"u8))
                text = i;
            else if (startText < 0 && got.SequenceEqual("_stext"u8))
                startText = i;
        }
        return new TextSymbols(text, startText);
    }

    /// <summary>How well a list of addresses fits an image; 0 or less: not at all.</summary>
    public int Score(ReadOnlySpan<ulong> addresses, KernelImage image)
    {
        // Per-CPU symbols may be small absolute numbers; all others lie in the image, but for a few at its very end.
        ulong beyond = image.End + (64UL << 20);
        int inside = 0, descents = 0, outside = 0;
        ulong last = 0;
        foreach (ulong address in addresses)
        {
            if (address < last)
                descents++;
            last = address;
            if (address >= image.Start && (address < beyond || beyond < image.Start))
                inside++;
            else if (address >= 1 << 24)
                outside++;
        }
        if (descents > addresses.Length / 100 || inside < addresses.Length / 2 || outside > addresses.Length / 10)
            return 0;
        int score = 1 + (descents == 0 ? 1 : 0) + (outside == 0 ? 1 : 0);
        if (StartText >= 0)
            score += image.Contains(addresses[StartText]) ? 4 : -4;
        if (Text >= 0 && addresses[Text] == image.Start)
            score += 8;
        return score;
    }
}
