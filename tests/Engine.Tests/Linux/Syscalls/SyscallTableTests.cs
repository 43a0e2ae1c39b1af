using VmiPl.Errors;
using VmiPl.Linux.Syscalls;

namespace VmiPl.Tests.Linux.Syscalls;

/// <summary>Tables of kernels written by hand, good, damaged and hostile.</summary>
public sealed class SyscallTableTests
{
    private static readonly string[] FirstCalls = ["read", "write", "open", "close"];
    private readonly SyntheticSyscalls _kernel = new();

    [Fact]
    public void A_dispatcher_is_followed_number_by_number()
    {
        ulong read = _kernel.Handler("__x64_sys_read"), write = _kernel.Handler("__x64_sys_write"), none = _kernel.Handler("__x64_sys_ni_syscall");
        _kernel.Symbol("x64_sys_call", SyntheticSyscalls.Code);
        // endbr64, the tracer's call, a frame, and then the compares.
        _kernel.Put(SyntheticSyscalls.Code, 0xF3, 0x0F, 0x1E, 0xFA, 0xE8, 0, 0, 0, 0, 0x55, 0x48, 0x89, 0xE5);
        ulong at = _kernel.PutCase(SyntheticSyscalls.Code + 13, 0, read);
        at = _kernel.PutCase(at, 1, write);
        _kernel.PutJump(at, none);

        SyscallTable table = _kernel.Read(SyscallAbi.X64);

        Assert.Equal(SyscallSource.Dispatcher, table.Source);
        Assert.Equal(("read", read, true), Facts(table.Find(0)));
        Assert.Equal(("write", write, true), Facts(table.Find("write")));
        Assert.Equal(("openat", none, false), Facts(table.Find("openat")));
        Assert.Null(table.Find("openat2_"));
        Assert.Null(table.Find(400));   // a number that the headers lack and the kernel does not implement
    }

    [Theory]
    [InlineData(new byte[] { 0xEB, 0xFE })]                                     // a jump to itself
    [InlineData(new byte[] { 0xEB, 0x80 })]                                     // a jump out of the function
    [InlineData(new byte[] { 0xE9, 0xFF, 0xFF, 0xFF, 0x7F })]                   // far away
    [InlineData(new byte[] { 0x74, 0x00 })]                                     // a condition without a compare
    [InlineData(new byte[] { 0x83, 0xFE, 1, 0x83, 0xFF, 1 })]                   // two registers are compared
    [InlineData(new byte[] { 0x83, 0xFE, 1, 0x7A, 0x00 })]                      // a condition that has no meaning here
    [InlineData(new byte[] { 0xFF, 0x24, 0xF5, 0, 0, 0, 0 })]                   // a jump table
    [InlineData(new byte[] { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66 })] // prefixes alone
    public void A_dispatcher_that_is_not_understood_gives_way_to_the_names(byte[] code)
    {
        ulong read = _kernel.Handler("__x64_sys_read");
        _kernel.Symbol("x64_sys_call", SyntheticSyscalls.Code);
        _kernel.Put(SyntheticSyscalls.Code, code);

        SyscallTable table = _kernel.Read(SyscallAbi.X64);

        Assert.Equal(SyscallSource.Names, table.Source);
        Assert.Equal(("read", read, true), Facts(Assert.Single(table.Entries)));
    }

    [Fact]
    public void A_dispatcher_outside_of_memory_gives_way_to_the_names()
    {
        _kernel.Handler("__x64_sys_read");
        _kernel.Symbol("x64_sys_call", ulong.MaxValue - 3);
        Assert.Equal(SyscallSource.Names, _kernel.Read(SyscallAbi.X64).Source);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_table_is_found_by_its_symbol_or_by_its_first_slots(bool hasSymbol)
    {
        ulong[] slots = [.. FirstCalls.Select(name => _kernel.Handler("__x64_sys_" + name))];
        ulong ours = _kernel.Handler("__x64_sys_brand_new"), weak = _kernel.Handler("__x64_sys_stat", 'W');
        _kernel.PutSlots(SyntheticSyscalls.Table, [.. slots, weak]);
        _kernel.PutSlots(SyntheticSyscalls.Table + 8 * 9, ours);
        if (hasSymbol)
            _kernel.Symbol("sys_call_table", SyntheticSyscalls.Table);

        SyscallTable table = _kernel.Read(SyscallAbi.X64);

        Assert.Equal(SyscallSource.Table, table.Source);
        Assert.Equal(("close", slots[3], true), Facts(table.Find(3)));
        Assert.Equal(("stat", weak, false), Facts(table.Find("stat")));
        // The number's own name wins; what the kernel calls its handler is told beside it.
        Assert.Equal(("mmap", ours, true), Facts(table.Find(9)));
        Assert.Equal("__x64_sys_brand_new", table.Find(9)!.HandlerSymbol);
    }

    [Fact]
    public void A_redirected_slot_is_told_as_it_is()
    {
        ulong read = _kernel.Handler("__x64_sys_read"), close = _kernel.Handler("__x64_sys_close");
        _kernel.Symbol("sys_call_table", SyntheticSyscalls.Table);
        _kernel.PutSlots(SyntheticSyscalls.Table, read, 0xFFFF_FFFF_C012_3450, 0, close);

        SyscallEntry redirected = _kernel.Read(SyscallAbi.X64).Find("write")!;

        Assert.Equal(("write", 0xFFFF_FFFF_C012_3450UL, true), Facts(redirected));
        Assert.Null(redirected.HandlerSymbol);
    }

    [Fact]
    public void A_table_without_end_is_cut()
    {
        ulong read = _kernel.Handler("__x64_sys_read");
        _kernel.Symbol("sys_call_table", SyntheticSyscalls.Table);
        for (ulong i = 0; i < 5000; i++)
            _kernel.PutSlots(SyntheticSyscalls.Table + 8 * i, read);

        Assert.Equal(1023, _kernel.Read(SyscallAbi.X64).Entries[^1].Number);
        Assert.Equal(99, _kernel.Read(SyscallAbi.X64, new VmiLimits { MaxSyscalls = 100 }).Entries.Count(entry => entry.Number is > 0 and < 100));
    }

    [Fact]
    public void The_32_bit_calls_of_a_64_bit_kernel_have_handlers_of_their_own()
    {
        _kernel.Handler("__x64_sys_execve");
        ulong native = _kernel.Handler("__ia32_sys_execve"), compat = _kernel.Handler("__ia32_compat_sys_execve");

        SyscallTable table = _kernel.Read(SyscallAbi.I386);

        Assert.NotEqual(native, compat);
        Assert.Equal(("execve", compat, true), Facts(table.Find("execve")));
        Assert.Equal(11, table.Find("execve")!.Number);
    }

    [Fact]
    public void A_kernel_without_handlers_has_no_table() => Assert.Equal(SyscallSource.None, _kernel.Read(SyscallAbi.X64).Source);

    [Fact]
    public void Nothing_in_the_guest_makes_it_throw()
    {
        var random = new Random(20_261_123);
        foreach (string name in FirstCalls)
            _kernel.Handler("__x64_sys_" + name);
        _kernel.Symbol("x64_sys_call", SyntheticSyscalls.Code);
        // Bytes that the reader knows come up often, so that runs go deep.
        byte[] frequent = [0x81, 0xFE, 0x83, 0x0F, 0x84, 0x87, 0x76, 0xEB, 0xE9, 0xE8, 0x90, 0x66, 0x8D, 0x1F, 0, 1];
        for (int run = 0; run < 2000; run++)
        {
            Span<byte> code = _kernel.At(SyntheticSyscalls.Code)[..256];
            for (int i = 0; i < code.Length; i++)
                code[i] = random.Next(4) == 0 ? (byte)random.Next(256) : frequent[random.Next(frequent.Length)];
            Assert.InRange(_kernel.Read(SyscallAbi.X64, new VmiLimits { MaxSyscalls = 8 }).Entries.Count, 4, 8);
        }
    }

    private static (string Name, ulong Handler, bool IsImplemented) Facts(SyscallEntry? entry) =>
        (entry!.Name, entry.Handler.Value, entry.IsImplemented);
}
