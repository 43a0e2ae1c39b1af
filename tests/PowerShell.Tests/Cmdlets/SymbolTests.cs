using System.Management.Automation;
using System.Text.Json;
using VmiPl.TestGuests;

namespace VmiPl.Tests.Cmdlets;

/// <summary>Symbols and profiles of a guest.</summary>
public sealed class SymbolTests(GuestFixture fixture) : GuestTests(fixture)
{
    [Fact]
    public void Names_are_found_and_are_case_sensitive()
    {
        GuestSymbol truth = Guest.Snapshot(full: true).Kallsyms.Single(symbol => symbol.Name == "init_task");
        Assert.Equal(truth.Address, One<ulong>("(Get-VmiSymbol $name init_task).Address"));
        Fails("Get-VmiSymbol $name INIT_TASK", "SymbolNotFound", ErrorCategory.ObjectNotFound);
        Assert.Empty(Get("Get-VmiSymbol $name INIT_TASK*"));
        Assert.Contains("init_task", Get("Get-VmiSymbol $name init_t*k | ForEach-Object Name").Select(one => (string)one.BaseObject));
    }

    [Fact]
    public void The_nearest_symbol_tells_its_distance()
    {
        Assert.Equal("init_task+16", One<string>(
            "Get-VmiSymbol $name -Address ((Get-VmiSymbol $name init_task).Address + 16) | ForEach-Object { '{0}+{1}' -f $_.Name, $_.Offset }"));
        Assert.Equal("init_task", One<string>("(Get-VmiSymbol $name -Address init_task+0x10).Name"));
        Fails("Get-VmiSymbol $name -Address 0x7f0000000000", "SymbolNotFound", ErrorCategory.ObjectNotFound);
    }

    [Fact]
    public void The_profile_says_where_each_value_comes_from()
    {
        PSObject profile = Assert.Single(Get("Get-VmiProfile $name"));
        Assert.Equal(Guest.Snapshot().Release, profile.Properties["KernelRelease"].Value);
        Assert.Equal("x86_64", profile.Properties["Architecture"].Value);
        Assert.Equal("Btf", One<string>("(Get-VmiProfile $name).Offsets | Where-Object { $_.Type -eq 'task_struct' -and $_.Member -eq 'tasks' } | ForEach-Object Source"));
        Assert.Contains("task_struct.tasks", Session.Show("Get-VmiProfile $name"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_configuration_block_has_the_language_s_keys()
    {
        string text = One<string>("Export-VmiProfile $name -AsConfiguration");

        string[] lines = text.Split('\n');
        Assert.Equal("Configuration{", lines[0]);
        Assert.Equal("}", lines[^1]);
        string address = One<string>("'0x{0:x}' -f (Get-VmiSymbol $name init_task).Address");
        Assert.Contains($"    ProcessListHead: {address}", lines);
        Assert.Equal(
            ["DEntryOffset", "DNameOffset", "ExeFileOffset", "MMStructOffset", "PGDOffset", "PIDOffset", "ParentOffset", "ProcessListHead",
                "ProcessNameOffset", "SyscallDispatcherAddress", "SyscallNumberLocation", "TasksOffset"],
            lines[1..^1].Select(line => line.Trim().Split(':')[0]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_JSON_goes_to_a_file_and_never_over_one_by_accident()
    {
        Get("Export-VmiProfile $name ./profile.json");
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "profile.json")));
        Assert.Equal(Guest.Name, json.RootElement.GetProperty("machine").GetString());
        Assert.NotEqual(0, json.RootElement.GetProperty("offsets").GetArrayLength());

        Fails("Export-VmiProfile $name ./profile.json", "FileFailure", ErrorCategory.WriteError);
        Get("Export-VmiProfile $name ./profile.json -Force");
    }
}
