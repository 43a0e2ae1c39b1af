using System.Management.Automation;

namespace VmiPl.Tests.Module;

/// <summary>Holds the module's surface: what scripts rest on.</summary>
public sealed class SurfaceTests : IDisposable
{
    private static readonly string[] Names =
    [
        "Connect-VmiMachine", "Disconnect-VmiMachine", "Export-VmiProfile", "Get-VmiMachine", "Get-VmiModule", "Get-VmiProbe", "Get-VmiProcessList",
        "Get-VmiProfile", "Get-VmiRegister", "Get-VmiStream", "Get-VmiSymbol", "Read-VmiMemory", "Receive-VmiStream", "Resume-VmiMachine",
        "Save-VmiMemory", "Send-VmiRequest", "Set-VmiProbe", "Start-VmiMachine", "Start-VmiProbe", "Stop-VmiProbe", "Suspend-VmiMachine",
        "Test-VmiScript", "Write-VmiMemory",
    ];
    // These take machines, too, but work on probe sessions.
    private static readonly string[] OfSessions = ["Get-VmiProbe", "Get-VmiStream", "Receive-VmiStream", "Send-VmiRequest", "Set-VmiProbe", "Stop-VmiProbe"];
    private readonly ModuleSession _session = new();

    public static TheoryData<string> All => [.. Names];
    public static TheoryData<string> Sessions => [.. OfSessions];

    public void Dispose() => _session.Dispose();

    [Fact]
    public void The_cmdlets_are_those_of_the_design() =>
        Assert.Equal(Names, Cmdlets().Select(cmdlet => cmdlet.Name).Order());

    [Fact]
    public void Get_VmiProcess_is_an_alias() =>
        Assert.Equal("Get-VmiProcessList", ((AliasInfo)Assert.Single(_session.Get("Get-Command Get-VmiProcess")).BaseObject).Definition);

    [Theory, MemberData(nameof(All))]
    public void Each_set_takes_at_most_one_parameter_by_value_from_the_pipeline(string name)
    {
        Assert.All(Cmdlet(name).ParameterSets, set => Assert.True(set.Parameters.Count(parameter => parameter.ValueFromPipeline) <= 1, set.Name));
    }

    [Theory, MemberData(nameof(All))]
    public void Machine_comes_first_from_the_pipeline_and_completes(string name)
    {
        if (name is "Get-VmiMachine" or "Connect-VmiMachine" or "Start-VmiMachine" or "Test-VmiScript" || OfSessions.Contains(name))
            return;
        Assert.All(Cmdlet(name).ParameterSets, set =>
        {
            CommandParameterInfo machine = Assert.Single(set.Parameters, parameter => parameter.Name == "Machine");
            Assert.Equal(0, machine.Position);
            Assert.True(machine.IsMandatory);
            Assert.True(machine.ValueFromPipeline);
            Assert.True(machine.ValueFromPipelineByPropertyName);
            Assert.Contains(machine.Attributes, attribute => attribute is ArgumentCompleterAttribute);
            Assert.Contains(machine.Attributes, attribute => attribute is SupportsWildcardsAttribute);
        });
    }

    [Theory, MemberData(nameof(Sessions))]
    public void Sessions_are_named_by_machine_or_given_by_the_pipeline(string name)
    {
        CommandParameterInfo machine = Assert.Single(Cmdlet(name).ParameterSets.Single(set => set.IsDefault).Parameters, parameter => parameter.Name == "Machine");
        Assert.Equal((0, true), (machine.Position, machine.ValueFromPipeline));
        // By property name a session of another host, come through remoting, would mean one of the same machine name here.
        Assert.False(machine.ValueFromPipelineByPropertyName);
        CommandParameterInfo session = Assert.Single(Cmdlet(name).ParameterSets.Single(set => set.Name == "InputObject").Parameters, parameter => parameter.Name == "InputObject");
        Assert.True(session.IsMandatory && session.ValueFromPipeline);
    }

    [Theory, MemberData(nameof(All))]
    public void What_it_gives_is_declared(string name)
    {
        int declared = Cmdlet(name).OutputType.Count;
        Assert.True(declared > 0 || name is "Disconnect-VmiMachine" or "Send-VmiRequest" or "Set-VmiProbe");
    }

    [Theory, MemberData(nameof(All))]
    public void Commands_that_change_something_ask_and_only_those(string name)
    {
        bool changes = name.Split('-')[0] is "Write" or "Save" or "Suspend" or "Resume" or "Export" or "Start" or "Stop" or "Set" or "Send";
        Assert.Equal(changes, Cmdlet(name).Parameters.ContainsKey("WhatIf"));
    }

    [Theory]
    [InlineData("Get-VmiMachine", "Name ProcessId")]
    [InlineData("Connect-VmiMachine", "Dump Libvirt LiteralDump Monitor Name ProcessId")]
    [InlineData("Get-VmiSymbol", "Address Name")]
    [InlineData("Read-VmiMemory", "Physical Virtual")]
    [InlineData("Receive-VmiStream", "Id InputObject Machine")]
    [InlineData("Send-VmiRequest", "InputObject Machine")]
    [InlineData("Start-VmiMachine", "Arguments Config")]
    [InlineData("Start-VmiProbe", "LiteralPath Path ScriptText")]
    [InlineData("Test-VmiScript", "LiteralPath Path ScriptText")]
    [InlineData("Write-VmiMemory", "Physical Virtual")]
    public void Parameter_sets_are_these(string name, string sets) =>
        Assert.Equal(sets, string.Join(' ', Cmdlet(name).ParameterSets.Select(set => set.Name).Order()));

    [Fact]
    public void Completion_of_a_machine_never_fails()
    {
        CommandCompletion completion = Complete("Get-VmiProcessList -Machine no-such-machine-at-all");
        Assert.DoesNotContain(completion.CompletionMatches, match => match.ResultType == CompletionResultType.ParameterValue);
    }

    private CommandCompletion Complete(string input)
    {
        using PowerShell shell = _session.Start("");
        shell.Commands.Clear();
        return CommandCompletion.CompleteInput(input, input.Length, null, shell);
    }

    private IEnumerable<CmdletInfo> Cmdlets() => _session.Get("Get-Command -Module VmiPl -CommandType Cmdlet").Select(cmdlet => (CmdletInfo)cmdlet.BaseObject);

    private CmdletInfo Cmdlet(string name) => (CmdletInfo)Assert.Single(_session.Get($"Get-Command {name}")).BaseObject;
}
