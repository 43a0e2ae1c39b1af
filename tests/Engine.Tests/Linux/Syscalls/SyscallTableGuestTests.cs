using VmiPl.Linux;
using VmiPl.Linux.Syscalls;
using VmiPl.Machines;
using VmiPl.Tests.Guests;
using VmiPl.TestGuests;

namespace VmiPl.Tests.Linux.Syscalls;

/// <summary>The tables of real kernels. Where a kernel has both a dispatcher and a table, the two were made from one list and say the
/// same; what a handler is called tells whether it is the right one.</summary>
public sealed class SyscallTableGuestTests
{
    [Theory]
    [InlineData("6.1-amd64")]
    [InlineData("6.12-amd64")]
    public async Task A_64_bit_kernel_tells_both_abis(string name)
    {
        GuestKernel kernel = name == GuestKernel.Amd64_6_1.Name ? GuestKernel.Amd64_6_1 : GuestKernel.Amd64_6_12;
        using GuestLoan loan = await GuestFacts.BorrowAsync(new GuestOptions { Kernel = kernel });
        using VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, Errors.VmiLimits.Default);
        LinuxGuest guest = LinuxGuest.Open(machine, cache: null);

        SyscallTable x64 = guest.Syscalls(SyscallAbi.X64), i386 = guest.Syscalls(SyscallAbi.I386);
        Check(x64, ("read", "__x64_sys_read"), ("openat", "__x64_sys_openat"), ("stat", "__x64_sys_newstat"), ("uname", "__x64_sys_newuname"));
        Check(i386, ("read", "__ia32_sys_read"), ("execve", "__ia32_compat_sys_execve"), ("stat", "__ia32_compat_sys_newstat"), ("umount", "__ia32_sys_oldumount"));
        Assert.Equal(x64.Find("openat")!.Handler.Value, FindSymbol(guest, "__x64_sys_openat"));
        Assert.False(i386.Find("ptrace")!.HandlerSymbol!.StartsWith("__x64", StringComparison.Ordinal));
        // idle was taken out of kernels long ago; its number stays.
        Assert.False(i386.Find("idle")!.IsImplemented);
    }

    /// <summary>The array of handlers, which kernels keep for the tracer, is read like that of a kernel without a dispatcher.</summary>
    [Fact]
    public async Task The_table_says_what_the_dispatcher_says()
    {
        using GuestLoan loan = await GuestFacts.BorrowAsync(new GuestOptions { Kernel = GuestKernel.Amd64_6_1 });
        using VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, Errors.VmiLimits.Default);
        LinuxGuest guest = LinuxGuest.Open(machine, cache: null);
        SyscallTable dispatcher = guest.Syscalls(SyscallAbi.X64);
        SyscallTable bySymbol = Without(guest, SyscallAbi.X64, "x64_sys_call");
        SyscallTable byContent = Without(guest, SyscallAbi.X64, "x64_sys_call", "sys_call_table");

        Assert.Equal((SyscallSource.Dispatcher, SyscallSource.Table, SyscallSource.Table), (dispatcher.Source, bySymbol.Source, byContent.Source));
        Assert.Equal(Implemented(dispatcher), Implemented(bySymbol));
        Assert.Equal(Implemented(dispatcher), Implemented(byContent));
    }

    [Fact]
    public async Task A_32_bit_kernel_tells_its_own()
    {
        using GuestLoan loan = await GuestFacts.BorrowAsync(new GuestOptions { Kernel = GuestKernel.I386 });
        using VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, Errors.VmiLimits.Default);
        LinuxGuest guest = LinuxGuest.Open(machine, cache: null);
        SyscallTable dispatcher = guest.Syscalls(SyscallAbi.I386);

        Check(dispatcher, ("read", "__ia32_sys_read"), ("openat", "__ia32_sys_openat"), ("stat", "__ia32_sys_newstat"), ("umount", "__ia32_sys_oldumount"));
        SyscallTable table = Without(guest, SyscallAbi.I386, "ia32_sys_call");
        Assert.Equal(SyscallSource.Table, table.Source);
        Assert.Equal(Implemented(dispatcher), Implemented(table));
        Assert.Empty(guest.Syscalls(SyscallAbi.X64).Entries);
        Assert.Equal(SyscallSource.None, guest.Syscalls(SyscallAbi.X64).Source);
    }

    private static void Check(SyscallTable table, params (string Name, string Handler)[] expected)
    {
        Assert.Equal(SyscallSource.Dispatcher, table.Source);
        SyscallNames names = SyscallNames.Of(table.Abi);
        Assert.True(table.Entries.Count(entry => entry.IsImplemented) > 330, $"{table.Entries.Count(entry => entry.IsImplemented)} calls");
        foreach ((string name, string handler) in expected)
        {
            SyscallEntry entry = Assert.IsType<SyscallEntry>(table.Find(name));
            Assert.Equal((names.ByName[name], handler, true), (entry.Number, entry.HandlerSymbol, entry.IsImplemented));
            Assert.Same(entry, table.Find(entry.Number));
        }
    }

    private static IEnumerable<string> Implemented(SyscallTable table) =>
        table.Entries.Where(entry => entry.IsImplemented).Select(entry => $"{entry.Number} {entry.Name} {entry.HandlerSymbol} {entry.Handler.Value:x}");

    private static SyscallTable Without(LinuxGuest guest, SyscallAbi abi, params string[] hidden)
    {
        var profile = new VmiPl.Symbols.KernelProfile(guest.Profile.Release, null, guest.Profile.Location, new HidingSymbols(guest.Profile.Symbols, hidden), null);
        return SyscallTable.Read(profile, guest.OpenKernelSpace(), abi);
    }

    private static ulong FindSymbol(LinuxGuest guest, string name)
    {
        Assert.True(guest.Profile.TryGetSymbol(name, out var address));
        return address.Value;
    }
}
