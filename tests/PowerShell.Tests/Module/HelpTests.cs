using System.Management.Automation;

namespace VmiPl.Tests.Module;

/// <summary>Holds the help complete, and what it says of parameters true.</summary>
public sealed class HelpTests : IDisposable
{
    private readonly ModuleSession _session = new();

    public static TheoryData<string> Commands => [.. HelpFile.Read().Select(command => command.Name)];

    public void Dispose() => _session.Dispose();

    [Fact]
    public void Every_cmdlet_has_help_and_nothing_else_has() =>
        Assert.Equal(
            _session.Get("Get-Command -Module VmiPl -CommandType Cmdlet").Select(cmdlet => ((CmdletInfo)cmdlet.BaseObject).Name).Order(),
            HelpFile.Read().Select(command => command.Name).Order());

    [Theory, MemberData(nameof(Commands))]
    public void The_help_says_something(string name)
    {
        HelpCommand help = HelpOf(name);
        Assert.True(help.Synopsis.Length > 20);
        Assert.True(help.Description.Length > 80);
        Assert.True(help.Examples.Count >= 2);
        Assert.True(help.Inputs >= 1 && help.Outputs >= 1);
        Assert.All(help.Parameters, parameter => Assert.True(parameter.Description.Length > 20, parameter.Name));
        Assert.All(help.Examples, example => Assert.True(example.Contains(name, StringComparison.Ordinal) || example.Contains("Get-VmiProcess ", StringComparison.Ordinal), example));
    }

    [Theory, MemberData(nameof(Commands))]
    public void The_help_s_parameters_are_the_cmdlet_s(string name)
    {
        HelpCommand help = HelpOf(name);
        CmdletInfo cmdlet = (CmdletInfo)Assert.Single(_session.Get($"Get-Command {name}")).BaseObject;
        HashSet<string> common = [.. Cmdlet.CommonParameters];

        ParameterMetadata[] own = [.. cmdlet.Parameters.Values.Where(parameter => !common.Contains(parameter.Name))];
        Assert.Equal(own.Select(parameter => parameter.Name).Order(), help.Parameters.Select(parameter => parameter.Name).Order());
        Assert.All(own, parameter =>
        {
            HelpParameter described = help.Parameters.Single(candidate => candidate.Name == parameter.Name);
            // Where the sets differ, the first one that has it is described.
            ParameterSetMetadata set = parameter.ParameterSets.Values.First();
            Type type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
            Assert.Equal(type.Name, described.Type);
            Assert.Equal(set.IsMandatory, described.IsRequired);
            Assert.Equal(set.Position == int.MinValue ? "named" : $"{set.Position}", described.Position);
            Assert.Equal(
                (set.ValueFromPipeline, set.ValueFromPipelineByPropertyName) switch
                {
                    (true, true) => "true (ByValue, ByPropertyName)",
                    (true, false) => "true (ByValue)",
                    (false, true) => "true (ByPropertyName)",
                    _ => "false",
                },
                described.PipelineInput);
            Assert.Equal(string.Join(", ", parameter.Aliases), described.Aliases);
            Assert.Equal(parameter.Attributes.Any(attribute => attribute is SupportsWildcardsAttribute), described.TakesWildcards);
        });

        Assert.Equal(
            cmdlet.ParameterSets.Select(one => string.Join(' ', one.Parameters.Select(parameter => parameter.Name).Where(parameter => !common.Contains(parameter)).Order())).Order(),
            help.Syntax.Select(names => string.Join(' ', names.Order())).Order());
    }

    [Fact]
    public void Get_Help_finds_it()
    {
        PSObject help = Assert.Single(_session.Get("Get-Help Read-VmiMemory -Full"));
        Assert.Equal("Reads bytes, numbers or text from a guest's memory.", help.Properties["Synopsis"].Value);
        Assert.Contains("CAP_SYS_PTRACE", $"{Assert.Single(_session.Get("Get-Help about_VmiPl"))}", StringComparison.Ordinal);
    }

    private static HelpCommand HelpOf(string name) => HelpFile.Read().Single(command => command.Name == name);
}
