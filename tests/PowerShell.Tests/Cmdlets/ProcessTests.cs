using System.Management.Automation;
using VmiPl.TestGuests;

namespace VmiPl.Tests.Cmdlets;

/// <summary>Processes and modules of a guest.</summary>
public sealed class ProcessTests(GuestFixture fixture) : GuestTests(fixture)
{
    [Fact]
    public void The_list_is_the_guest_s_own()
    {
        // Kernel workers come and go between the two looks.
        GroundTruth truth = Guest.Snapshot();
        var shown = Get("Get-VmiProcessList $name | Where-Object Name -notlike kworker* | ForEach-Object { '{0} {1} {2} {3}' -f $_.PID, $_.ParentProcessId, $_.Name, $_.Path }");
        Assert.Equal(
            truth.Processes.Where(task => !task.Comm.StartsWith("kworker", StringComparison.Ordinal)).OrderBy(task => task.Pid).Select(task => $"{task.Pid} {task.ParentPid} {task.Comm} {task.ExePath}"),
            shown.Select(line => (string)line.BaseObject).OrderBy(line => int.Parse(line.Split(' ')[0], null)));
    }

    [Fact]
    public void Names_and_ids_select()
    {
        Assert.Equal(1, One<int>("(Get-VmiProcess $name -ProcessId 1).ProcessId"));
        Assert.Equal("marker", One<string>("(Get-VmiProcess $name MARK*).Name"));
        Fails("Get-VmiProcess $name -ProcessId 999999", "ProcessNotFound", ErrorCategory.ObjectNotFound);
        Fails("Get-VmiProcess $name no-such-program", "ProcessNotFound", ErrorCategory.ObjectNotFound);
        Assert.Empty(Get("Get-VmiProcess $name no-such-program*"));
    }

    [Fact]
    public void Threads_are_listed_on_request()
    {
        GroundTruth truth = Guest.Snapshot();
        Assert.Equal(truth.Tasks.Where(task => !task.IsKernelThread).Select(task => task.Pid).Order(), Get("Get-VmiProcess $name -IncludeThread | Where-Object { -not $_.IsKernelThread } | ForEach-Object ThreadId").Select(id => (int)id.BaseObject).Order());
    }

    [Fact]
    public async Task A_process_leads_to_its_memory()
    {
        await MarkerAsync();
        Assert.Equal(TestGuest.MarkerText,
            One<string>($"Get-VmiProcess $name marker | Read-VmiMemory -Address {TestGuest.MarkerAddress} -As String"));
    }

    [Fact]
    public void A_downstream_end_leaves_the_session_usable()
    {
        Assert.Equal(1, One<int>("foreach ($once in 1) { Get-VmiProcess $name | ForEach-Object { $_.ProcessId; break } }"));
        Assert.NotEmpty(Get("Get-VmiProcess $name"));
    }

    [Fact]
    public void Modules_are_the_guest_s_own()
    {
        GroundTruth truth = Guest.Snapshot();
        Assert.Equal(
            truth.Modules.Select(module => module.Name).Order(StringComparer.Ordinal),
            Get("Get-VmiModule $name | ForEach-Object Name").Select(name => (string)name.BaseObject).Order(StringComparer.Ordinal));
        Fails("Get-VmiModule $name no_such_module", "SymbolNotFound", ErrorCategory.ObjectNotFound);
    }

    [Fact]
    public void The_table_shows_addresses_in_hex()
    {
        string shown = Session.Show("Get-VmiProcess $name -ProcessId 1");
        string page = One<string>("'0x{0:x}' -f (Get-VmiProcess $name -ProcessId 1).PageDirectory");
        Assert.Contains(page, shown, StringComparison.Ordinal);
        Assert.Contains($"Machine: {Guest.Name}", shown, StringComparison.Ordinal);
    }
}
