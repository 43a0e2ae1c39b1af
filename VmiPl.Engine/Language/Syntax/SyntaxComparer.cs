using System.Collections.Immutable;

namespace VmiPl.Language.Syntax;

/// <summary>Compares trees by what is written, not by where it stands.</summary>
public static class SyntaxComparer
{
    /// <summary>Whether two scripts have the same entries.</summary>
    public static bool AreEqual(ScriptSyntax one, ScriptSyntax other) => AreAll<EntrySyntax>(one.Entries, other.Entries, AreEqual);

    /// <summary>Whether two entries are the same.</summary>
    public static bool AreEqual(EntrySyntax one, EntrySyntax other) => (one, other) switch
    {
        (InvocationSyntax a, InvocationSyntax b) => a.Label?.Text == b.Label?.Text && a.Name.Text == b.Name.Text && a.IsDamaged == b.IsDamaged
            && AreAll(a.Arguments, b.Arguments, AreEqual) && AreAll(a.Body, b.Body, AreEqual),
        (SettingSyntax a, SettingSyntax b) => a.Key.Text == b.Key.Text && AreEqual(a.Value, b.Value),
        _ => false,
    };

    /// <summary>Whether two arguments are the same, written in the same way.</summary>
    public static bool AreEqual(ArgumentSyntax one, ArgumentSyntax other) => (one, other) switch
    {
        (SumSyntax a, SumSyntax b) => AreEqual(a.First, b.First) && AreAll<NumberSyntax>(a.Terms, b.Terms, AreEqual),
        (SumSyntax, _) or (_, SumSyntax) => false,
        _ => one with { Span = default } == other with { Span = default },
    };

    private static bool AreAll<T>(ImmutableArray<T>? one, ImmutableArray<T>? other, Func<T, T, bool> areEqual)
    {
        if (one is not { } a || other is not { } b)
            return one is null && other is null;
        if (a.Length != b.Length)
            return false;
        for (int i = 0; i < a.Length; i++)
        {
            if (!areEqual(a[i], b[i]))
                return false;
        }
        return true;
    }
}
