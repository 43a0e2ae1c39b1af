using VmiPl.Language.Checking;
using VmiPl.Language.Model;
using VmiPl.Language.Syntax;

namespace VmiPl.Language;

/// <summary>Reads scripts: from text to what they mean, with all that is to be said about them. Bad scripts give diagnostics, never
/// an exception. Safe from any thread.</summary>
public static class ScriptReader
{
    /// <summary>Reads a text of up to 2 Mi characters.</summary>
    public static VmiScript Read(SourceText source)
    {
        ArgumentNullException.ThrowIfNull(source);
        var diagnostics = new DiagnosticBag(source);
        ScriptSyntax syntax = ScriptParser.Parse(source, diagnostics);
        return ScriptChecker.Check(source, syntax, diagnostics);
    }

    /// <summary>Reads a file of UTF-8 text, with or without a byte order mark, of up to 2 MiB. Where it can't be read, the script is
    /// empty and has one diagnostic that says why.</summary>
    public static VmiScript ReadFile(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (ScriptFile.Read(path, out ScriptFile.Problem? problem) is { } text)
            return Read(new SourceText(text, path));
        var nothing = new SourceText("", path);
        return new VmiScript
        {
            Source = nothing,
            Configuration = [],
            EventProbes = [],
            StreamProbes = [],
            Reconfigurations = [],
            Diagnostics = [problem!.Descriptor.At(nothing, default, problem.Hint, problem.Details)],
        };
    }
}
