using System.Management.Automation;
using VmiPl.TestGuests;
using VmiPl.Tests.Module;

namespace VmiPl.Tests.Cmdlets;

/// <summary>Finding, connecting, pausing.</summary>
public sealed class MachineTests(GuestFixture fixture) : GuestTests(fixture)
{
    [Fact]
    public void A_running_machine_is_found_with_its_facts()
    {
        PSObject machine = Assert.Single(Get("Get-VmiMachine $name"));

        Assert.Equal(Guest.Name, machine.Properties["Name"].Value);
        Assert.Equal(Guest.ProcessId, machine.Properties["ProcessId"].Value);
        Assert.Equal(2, machine.Properties["VcpuCount"].Value);
        Assert.Equal(256UL << 20, machine.Properties["MemoryBytes"].Value);
        Assert.Equal("x86_64", machine.Properties["Architecture"].Value);
        Assert.Equal("tcg", machine.Properties["Accelerator"].Value);
        Assert.Equal(Guest.Snapshot().Release, machine.Properties["KernelRelease"].Value);
        Assert.Equal("Running", $"{machine.Properties["State"].Value}");
    }

    [Fact]
    public void A_process_object_finds_its_machine() =>
        Assert.Equal(Guest.Name, One<string>($"[System.Diagnostics.Process]::GetProcessById({Guest.ProcessId}) | Get-VmiMachine | ForEach-Object Name"));

    [Theory]
    [InlineData("$name")]
    [InlineData("$name.Substring(0, $name.Length - 1) + '?'")]
    [InlineData("(Get-VmiMachine $name)")]
    [InlineData("(Get-VmiMachine $name).ProcessId")]
    [InlineData("\"$((Get-VmiMachine $name).ProcessId)\"")]
    public void Machine_takes_an_object_a_name_a_pattern_or_a_process_id(string argument) =>
        Assert.Equal(2, Get($"Get-VmiRegister ({argument})").Count);

    [Fact]
    public void Names_complete()
    {
        using PowerShell shell = Session.Start("");
        shell.Commands.Clear();
        string input = "Get-VmiProcessList " + Guest.Name[..^2];
        CommandCompletion completion = CommandCompletion.CompleteInput(input, input.Length, null, shell);
        Assert.Contains(completion.CompletionMatches, match => match.CompletionText == Guest.Name);
    }

    [Fact]
    public void A_connection_stays_until_it_is_ended()
    {
        Assert.Equal(Guest.Name, One<string>("(Connect-VmiMachine -ProcessId (Get-VmiMachine $name).ProcessId).Name"));
        Assert.Single(Get("Get-VmiMachine $name"));

        Get("Disconnect-VmiMachine $name");

        ErrorRecord error = Fails("Disconnect-VmiMachine $name", "MachineNotFound", ErrorCategory.ObjectNotFound);
        Assert.Equal(Guest.Name, error.TargetObject);
    }

    [Fact]
    public void A_monitor_s_path_connects()
    {
        Get($"Connect-VmiMachine -MonitorPath '{Guest.MonitorPath}' | Disconnect-VmiMachine");
        Fails("Connect-VmiMachine -MonitorPath ./nothing", "MachineNotFound", ErrorCategory.ObjectNotFound);
    }

    [Fact]
    public void Suspend_and_resume_stop_and_start_the_vcpus()
    {
        try
        {
            Assert.Equal("Paused", One<string>("(Suspend-VmiMachine $name -PassThru).State.ToString()"));
            Get("Suspend-VmiMachine $name");
        }
        finally
        {
            Assert.Equal("Running", One<string>("(Resume-VmiMachine $name -PassThru).State.ToString()"));
        }
    }

    [Fact]
    public void WhatIf_leaves_the_machine_running()
    {
        Get("Suspend-VmiMachine $name -WhatIf");
        Assert.Equal("Running", One<string>("(Get-VmiMachine $name).State.ToString()"));
    }

    [Fact]
    public void One_machine_that_is_not_there_does_not_stop_the_others()
    {
        ModuleResult result = Session.Run("'no-such-machine', $name | Get-VmiRegister");

        Assert.Equal(2, result.Output.Count);
        Assert.False(result.Terminated);
        Assert.Equal("no-such-machine", Assert.Single(result.Errors).TargetObject);
    }

    [Fact]
    public void A_pattern_that_fits_nothing_is_silent() => Assert.Empty(Get("Get-VmiProcessList no-such-machine*"));

    [Fact]
    public async Task A_machine_that_dies_ends_the_command_and_the_next_one_works()
    {
        TestGuest other = await TestGuest.StartAsync(new GuestOptions { MemoryMiB = 256 }, TestContext.Current.CancellationToken);
        Get($"$other = Connect-VmiMachine '{other.Name}'");
        await other.DisposeAsync();

        ModuleResult result = Session.Run("Get-VmiRegister $other; 'not reached by a terminating error in the statement'");
        Assert.Contains(result.Errors, error => error.FullyQualifiedErrorId.StartsWith("MachineLost,", StringComparison.Ordinal)
            && error.CategoryInfo.Category == ErrorCategory.ConnectionError);

        Fails($"Get-VmiRegister '{other.Name}'", "MachineNotFound", ErrorCategory.ObjectNotFound);
        Assert.Equal(2, Get("Get-VmiRegister $name").Count);
    }

    [Fact]
    public void The_table_shows_what_a_person_wants()
    {
        string shown = Session.Show("Get-VmiMachine $name");
        Assert.Contains(Guest.Name, shown, StringComparison.Ordinal);
        Assert.Contains("256 MiB", shown, StringComparison.Ordinal);
        Assert.Contains(Guest.Snapshot().Release, shown, StringComparison.Ordinal);
    }
}
