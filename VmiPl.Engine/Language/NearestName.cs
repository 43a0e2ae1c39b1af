namespace VmiPl.Language;

/// <summary>Finds the name that somebody may have meant.</summary>
internal static class NearestName
{
    /// <summary>The name with the fewest characters changed, added, left out or swapped with their neighbour, case left out of account; null where none is near:
    /// more than a third of the characters would have to change.</summary>
    public static string? Find(string name, IEnumerable<string> candidates)
    {
        const int MaxLength = 128;
        if (name.Length is 0 or > MaxLength)
            return null;
        string? best = null;
        int bound = Math.Max(1, name.Length / 3);
        Span<int> rows = stackalloc int[3 * (MaxLength + 1)];
        foreach (string candidate in candidates)
        {
            if (Math.Abs(candidate.Length - name.Length) > bound || candidate.Length > MaxLength)
                continue;
            int distance = Distance(name, candidate, rows, bound);
            if (distance > bound || (best is not null && distance == bound))
                continue;
            best = candidate;
            bound = distance;
            if (distance == 0)
                break;
        }
        return best;
    }

    /// <summary>The distance (optimal string alignment), or more than <paramref name="bound"/> where it is larger than that.</summary>
    private static int Distance(string left, string right, Span<int> rows, int bound)
    {
        int width = right.Length + 1;
        Span<int> older = rows[..width], before = rows.Slice(width, width), row = rows.Slice(2 * width, width);
        for (int j = 0; j < width; j++)
            before[j] = j;
        for (int i = 1; i <= left.Length; i++)
        {
            row[0] = i;
            int least = i;
            for (int j = 1; j < width; j++)
            {
                bool same = char.ToLowerInvariant(left[i - 1]) == char.ToLowerInvariant(right[j - 1]);
                int distance = Math.Min(Math.Min(before[j], row[j - 1]) + 1, before[j - 1] + (same ? 0 : 1));
                if (i > 1 && j > 1 && char.ToLowerInvariant(left[i - 1]) == char.ToLowerInvariant(right[j - 2])
                    && char.ToLowerInvariant(left[i - 2]) == char.ToLowerInvariant(right[j - 1]))
                    distance = Math.Min(distance, older[j - 2] + 1);
                row[j] = distance;
                least = Math.Min(least, distance);
            }
            if (least > bound)
                return least;
            Span<int> free = older;
            older = before;
            before = row;
            row = free;
        }
        return before[right.Length];
    }
}
