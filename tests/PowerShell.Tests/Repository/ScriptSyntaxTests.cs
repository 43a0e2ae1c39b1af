using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;

namespace VmiPl.Tests.Repository;

/// <summary>Holds that every script of the repository parses, and that those which must run in the project's own host use
/// only what that host has.</summary>
public sealed class ScriptSyntaxTests
{
    private static readonly string[] Patterns = ["*.ps1", "*.psd1", "*.psm1"];

    /// <summary>Native programs that the scripts may call by name.</summary>
    private static readonly string[] Programs = ["dotnet", "id"];

    public static TheoryData<string> Scripts() =>
        [.. Patterns
            .SelectMany(pattern => RepositoryFolder.Files("", pattern))
            .Select(path => Path.GetRelativePath(RepositoryFolder.Root, path))];

    public static TheoryData<string> HostScripts() =>
        [.. RepositoryFolder.Files("Examples", "*.ps1").Append(Path.Combine(RepositoryFolder.Root, "build.ps1"))
            .Select(path => Path.GetRelativePath(RepositoryFolder.Root, path))];

    [Fact]
    public void The_scripts_are_found() => Assert.Superset(
        new HashSet<string> { "build.ps1", "VmiPl.psd1", "Examples/first-look.ps1", "tests/Acceptance/Machines.Tests.ps1" },
        Scripts().Select(row => row.Data).ToHashSet());

    [Theory]
    [MemberData(nameof(Scripts))]
    public void A_script_parses(string script)
    {
        Parser.ParseFile(Path.Combine(RepositoryFolder.Root, script), out _, out ParseError[] errors);

        Assert.True(errors.Length == 0, string.Join('\n', errors.Select(e => $"{script}:{e.Extent.StartLineNumber}: {e.Message}")));
    }

    [Theory]
    [MemberData(nameof(HostScripts))]
    public void A_script_for_the_host_calls_only_what_the_host_has(string script)
    {
        ScriptBlockAst ast = Parser.ParseFile(Path.Combine(RepositoryFolder.Root, script), out _, out _);
        HashSet<string> known = new(
            [.. InitialSessionState.CreateDefault2().Commands.Select(command => command.Name), .. Programs,
             .. ast.FindAll(node => node is FunctionDefinitionAst, true).Select(node => ((FunctionDefinitionAst)node).Name)],
            StringComparer.OrdinalIgnoreCase);

        IEnumerable<string> unknown = ast.FindAll(node => node is CommandAst, searchNestedScriptBlocks: true)
            .Cast<CommandAst>()
            .Where(command => command.GetCommandName() is { } name && !known.Contains(name) && !name.Contains("-Vmi", StringComparison.Ordinal))
            .Select(command => $"{script}:{command.Extent.StartLineNumber}: {command.GetCommandName()}");
        string found = string.Join('\n', unknown);

        Assert.True(found.Length == 0, found);
    }
}
