namespace VmiPl.Language.Checking;

/// <summary>Finds what somebody may have meant who misspelt a name.</summary>
internal static class NearestName
{
    private const int MaxLength = 64, MaxDistance = 3;

    /// <summary>The known name with the fewest letters changed, left out, put in or swapped with their neighbour, in any case; null
    /// where none is near. Of several the first wins.</summary>
    public static string? Find(string name, IEnumerable<string> known)
    {
        if (name.Length is 0 or > MaxLength)
            return null;
        string? nearest = null;
        int best = Math.Clamp(name.Length / 3, 1, MaxDistance) + 1;
        foreach (string candidate in known)
        {
            // A name that is nothing but changes is no misspelling.
            if (candidate.Length <= MaxLength && Math.Abs(candidate.Length - name.Length) < best && Distance(name, candidate) is int distance
                && distance < best && distance < candidate.Length)
            {
                (nearest, best) = (candidate, distance);
            }
        }
        return nearest;
    }

    /// <summary>As a hint, or null.</summary>
    public static string? Hint(string name, IEnumerable<string> known) => Find(name, known) is { } nearest ? $"did you mean `{nearest}`?" : null;

    /// <summary>Optimal string alignment distance, row by row.</summary>
    private static int Distance(string a, string b)
    {
        Span<int> before = stackalloc int[MaxLength + 1], last = stackalloc int[MaxLength + 1], row = stackalloc int[MaxLength + 1];
        for (int j = 0; j <= b.Length; j++)
            last[j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                bool isSame = Same(a[i - 1], b[j - 1]);
                row[j] = Math.Min(Math.Min(row[j - 1], last[j]) + 1, last[j - 1] + (isSame ? 0 : 1));
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                    row[j] = Math.Min(row[j], before[j - 2] + 1);
            }
            Span<int> free = before;
            before = last;
            last = row;
            row = free;
        }
        return last[b.Length];
    }

    private static bool Same(char a, char b) => char.ToLowerInvariant(a) == char.ToLowerInvariant(b);
}
