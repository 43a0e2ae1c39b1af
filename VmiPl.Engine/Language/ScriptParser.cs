using VmiPl.Language.Grammar;
using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language;

/// <summary>Reads a script's text. Safe from any thread.</summary>
internal static class ScriptParser
{
    /// <summary>Characters that a script may have, in units of 1 Mi.</summary>
    public const int MaxMegaCharacters = 2;

    /// <summary>The tree of what could be understood, never an exception: what is wrong is reported, all of it, and what a mistake left open
    /// is marked in the tree.</summary>
    public static ScriptSyntax Parse(SourceText source, DiagnosticBag diagnostics)
    {
        var whole = new SourceSpan(0, source.Text.Length);
        if (whole.Length > MaxMegaCharacters << 20)
        {
            diagnostics.Report(DiagnosticIds.ScriptTooLarge, default, null, MaxMegaCharacters);
            return new ScriptSyntax([], whole);
        }
        List<Lexeme> lexemes = TokenRepair.Repair(diagnostics);
        if (new ScriptRun(lexemes).Run(out int errorPosition) is { } root)
            return new ScriptSyntax(new TreeBuilder(diagnostics).Entries(root, inConfiguration: false), whole);
        var error = new SourceSpan(Math.Clamp(errorPosition, 0, whole.Length), 0);
        diagnostics.Report(DiagnosticIds.UnexpectedText, error, null, "What stands behind this");
        return new ScriptSyntax([], whole);
    }
}
