using VmiPl.Tests.Cases;

namespace VmiPl.Tests.Language;

/// <summary>A case of <c>tests/cases/language</c>: a script, and what is said about it, <c>line:column id</c> each; nothing where it is
/// valid.</summary>
internal sealed record ScriptCase(TextCase Text)
{
    public static IReadOnlyList<ScriptCase> All { get; } =
        [.. CaseReader.ReadAll().Where(text => text.Has("script") && (text.Has("valid") || text.Has("diagnostics"))).Select(text => new ScriptCase(text))];

    public string Script => Text.Find("script")!.Text;

    public IReadOnlyList<string> Diagnostics => Text.Find("diagnostics")?.Lines ?? [];

    public static ScriptCase Named(string name) => All.Single(found => found.Text.ToString() == name);
}
