using System.Management.Automation;
using VmiPl.TestGuests;
using VmiPl.Tests.Module;

namespace VmiPl.Tests.Cmdlets;

/// <summary>Reading and writing a guest's memory, and its registers.</summary>
public sealed class MemoryTests(GuestFixture fixture) : GuestTests(fixture)
{
    [Fact]
    public void A_symbol_reads_as_text() =>
        Assert.StartsWith($"Linux version {Guest.Snapshot().Release} ", One<string>("Read-VmiMemory $name linux_banner -As String"), StringComparison.Ordinal);

    [Fact]
    public void Forms_of_an_address_mean_the_same_place()
    {
        string expected = One<string>("Read-VmiMemory $name linux_banner 16 -As Hex");
        string number = One<string>("'0x{0:x}' -f (Get-VmiSymbol $name linux_banner).Address");
        Assert.Equal(expected, One<string>($"Read-VmiMemory $name {number} 16 -As Hex"));
        Assert.Equal(expected, One<string>($"Read-VmiMemory $name '{number}' 16 -As Hex"));
        Assert.Equal(expected, One<string>($"Get-VmiSymbol $name linux_banner | Read-VmiMemory -Length 16 -As Hex"));
        Assert.Equal(expected[2..], One<string>("Read-VmiMemory $name linux_banner+1 15 -As Hex"));
        Assert.Equal(expected[2..], One<string>("Read-VmiMemory $name 'linux_banner + 0x1' 15 -As Hex"));
    }

    [Fact]
    public void Numbers_come_in_a_row()
    {
        Assert.Equal([0x756e694cU, 0x65762078U], Get("Read-VmiMemory $name linux_banner -As UInt32 -Count 2").Select(value => (uint)value.BaseObject));
        Assert.Equal((byte)'L', Assert.Single(Get("Read-VmiMemory $name linux_banner -As Byte")).BaseObject);
        Assert.Equal(4096, One<byte[]>("Read-VmiMemory $name linux_banner 4KB -As Bytes | ForEach-Object { ,$_ }").Length);
    }

    [Fact]
    public void A_block_shows_as_a_hex_dump()
    {
        Assert.Contains("4c 69 6e 75 78 20 76 65  72 73 69 6f 6e 20", Session.Show("Read-VmiMemory $name linux_banner 32"), StringComparison.Ordinal);
        Assert.Contains("Linux version", Session.Show("Read-VmiMemory $name linux_banner 32"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_machine_from_the_pipeline_does_not_lend_its_own_process_id() =>
        Assert.StartsWith("Linux version", One<string>("Get-VmiMachine $name | Read-VmiMemory -Address linux_banner -As String"), StringComparison.Ordinal);

    [Fact]
    public async Task What_lies_before_an_unmapped_page_is_given_with_an_error_that_names_it()
    {
        await MarkerAsync();
        string script = $"Get-VmiProcess $name marker | Read-VmiMemory -Address {TestGuest.MarkerAddress} -Length 1MB";
        ModuleResult result = Session.Run(script);

        byte[] bytes = (byte[])Assert.Single(result.Output).Properties["Bytes"].Value;
        ErrorRecord error = Assert.Single(result.Errors);
        Assert.Equal("AddressUnreadable", error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.Contains($"0x{TestGuest.MarkerAddress + bytes.Length:x}", error.ToString(), StringComparison.Ordinal);
        Assert.False(result.Terminated);
    }

    [Fact]
    public void Wrong_places_are_errors_that_say_what_to_do()
    {
        Fails("Read-VmiMemory $name 0x10 8", "AddressUnreadable", ErrorCategory.ReadError);
        Fails("Read-VmiMemory $name no_such_symbol 8", "SymbolNotFound", ErrorCategory.ObjectNotFound);
        Fails("Read-VmiMemory $name -Physical linux_banner", "InvalidArgument", ErrorCategory.InvalidArgument);
        Fails("Read-VmiMemory $name 0x1000 -ProcessId 999999", "ProcessNotFound", ErrorCategory.ObjectNotFound);
        Fails("Read-VmiMemory $name linux_banner 1GB", "LimitExceeded", ErrorCategory.LimitsExceeded);
        Fails("Write-VmiMemory $name 0x10 1", "AddressUnwritable", ErrorCategory.WriteError);
        Fails("Write-VmiMemory $name linux_banner 300", "InvalidArgument", ErrorCategory.InvalidArgument);
    }

    [Fact]
    public async Task A_write_arrives_in_the_guest()
    {
        int marker = await MarkerAsync();
        ulong address = TestGuest.MarkerAddress + 512;
        Get($"Write-VmiMemory $name {address} 0xdeadbeef -As UInt32 -ProcessId {marker} -WhatIf");
        Assert.Equal("00000000", await Guest.CommandAsync($"peek {marker} {address} 4", TestContext.Current.CancellationToken));

        PSObject change = Assert.Single(Get($"Write-VmiMemory $name {address} 0xdeadbeef -As UInt32 -ProcessId {marker} -PassThru"));

        Assert.Equal(new byte[4], change.Properties["Before"].Value);
        Assert.Equal("efbeadde", await Guest.CommandAsync($"peek {marker} {address} 4", TestContext.Current.CancellationToken));
        Get($"Write-VmiMemory $name {address} 0 -As UInt32 -ProcessId {marker}");
    }

    [Fact]
    public async Task A_write_that_would_leave_mapped_memory_changes_nothing()
    {
        int marker = await MarkerAsync();
        ModuleResult before = Session.Run($"(Read-VmiMemory $name {TestGuest.MarkerAddress} 1MB -ProcessId {marker}).Bytes.Length");
        int mapped = (int)Assert.Single(before.Output).BaseObject;
        string last = $"{TestGuest.MarkerAddress + mapped - 4}";

        Fails($"Write-VmiMemory $name {last} 0x1122334455667788 -As UInt64 -ProcessId {marker}", "AddressUnwritable", ErrorCategory.WriteError);

        Assert.Equal(0u, One<uint>($"Read-VmiMemory $name {last} -As UInt32 -ProcessId {marker}"));
    }

    [Fact]
    public void Registers_of_all_vcpus_or_of_one()
    {
        Assert.Equal([0, 1], Get("(Get-VmiRegister $name).Vcpu").Select(index => (int)index.BaseObject));
        Assert.NotEqual(0UL, One<ulong>("(Get-VmiRegister $name -Vcpu 1).Cr3"));
        Fails("Get-VmiRegister $name -Vcpu 7", "InvalidArgument", ErrorCategory.InvalidArgument);
        Assert.Contains("CR3", Session.Show("Get-VmiRegister $name"), StringComparison.Ordinal);
    }
}
