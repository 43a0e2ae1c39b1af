using VmiPl.Errors;
using VmiPl.Probes;
using VmiPl.Probes.GdbStub;
using VmiPl.Probes.Tracking;

namespace VmiPl.Tests.Probes.GdbStub;

public sealed class StubTrapsTests : IDisposable
{
    private const ulong A = 0x1000, B = 0x2000, C = 0x3000, D = 0x4000;

    private readonly ScriptedMachine _machine = new();

    public void Dispose() => _machine.Dispose();

    [Theory]
    [InlineData(true, TrapKind.Auto, "1,1000,1", "hardware breakpoint")]
    [InlineData(true, TrapKind.Hardware, "1,1000,1", "hardware breakpoint")]
    [InlineData(true, TrapKind.Software, "0,1000,1", "software breakpoint")]
    [InlineData(false, TrapKind.Auto, "1,1000,1", "hardware breakpoint")]
    [InlineData(false, TrapKind.Software, "1,1000,1", "hardware breakpoint")]
    public void An_instruction_is_trapped_as_the_accelerator_allows(bool isKvm, TrapKind kind, string expected, string way)
    {
        StubTraps traps = Traps(isKvm, kind);
        TrapUse use = ScriptedMachine.Execute(A);
        traps.Become([use]);

        Assert.Equal([expected], _machine.Traps);
        Assert.Equal(use, Assert.Single(traps.At(A)!.Uses));
        Assert.Equal(expected[0] == '0', traps.At(A)!.IsInMemory);
        Assert.Equal(way, Assert.Single(traps.All).Way);
        Assert.Empty(traps.Watches);
        Assert.Null(traps.At(B));
    }

    [Theory]
    [InlineData(true, false, "2,1000,8", "write watchpoint")]
    [InlineData(true, true, "4,1000,8", "access watchpoint")]
    [InlineData(false, false, "2,1000,8", "write watchpoint")]
    [InlineData(false, true, "3,1000,8", "read watchpoint")]
    public void Memory_is_watched_as_the_accelerator_allows(bool isKvm, bool onRead, string expected, string way)
    {
        StubTraps traps = Traps(isKvm);
        traps.Become([ScriptedMachine.Watch(A, 8, onRead)]);

        Assert.Equal([expected], _machine.Traps);
        Assert.Equal((A, 8UL), Assert.Single(traps.Watches.Select(point => (point.Place.Address, point.Length))));
        Assert.Equal(way, Assert.Single(traps.All).Way);
        Assert.Null(traps.At(A));
    }

    [Fact]
    public void Watchpoints_come_before_instructions()
    {
        Traps().Become([ScriptedMachine.Execute(A), ScriptedMachine.Watch(B, 4), ScriptedMachine.Execute(C), ScriptedMachine.Watch(D, 1, onRead: true)]);
        Assert.Equal(["2,2000,4", "4,4000,1", "1,1000,1", "1,3000,1"], _machine.Traps);
    }

    [Fact]
    public void Debug_registers_that_are_taken_leave_breakpoint_instructions()
    {
        LeaveDebugRegisters(2);
        StubTraps traps = Traps();
        traps.Become([ScriptedMachine.Execute(A), ScriptedMachine.Execute(B), ScriptedMachine.Execute(C)]);
        Assert.Equal(["1,1000,1", "1,2000,1", "0,3000,1"], _machine.Traps);
        Assert.True(traps.At(C)!.IsInMemory);
    }

    [Fact]
    public void An_instruction_that_is_trapped_in_one_way_stays_so()
    {
        LeaveDebugRegisters(1);
        StubTraps traps = Traps();
        traps.Become([ScriptedMachine.Execute(A), ScriptedMachine.Execute(B)]);
        _machine.Requests.Clear();

        traps.Become([ScriptedMachine.Execute(B), ScriptedMachine.Execute(B)]);

        Assert.Equal(["z1,1000,1"], _machine.Requests);
        Assert.Equal(["0,2000,1"], _machine.Traps);
        Assert.Equal(2, traps.At(B)!.Uses.Count);
    }

    [Fact]
    public void Those_that_want_the_same_instruction_share_its_trap_though_a_register_comes_free()
    {
        bool refused = false;
        _machine.Refuses = trap => trap[0] == '1' && !refused && (refused = true);
        StubTraps traps = Traps();
        TrapUse first = ScriptedMachine.Execute(A), second = ScriptedMachine.Execute(A);
        traps.Become([first, second]);
        Assert.Equal(["0,1000,1"], _machine.Traps);
        Assert.Equal([first, second], traps.At(A)!.Uses);
    }

    [Fact]
    public void Memory_is_shared_where_it_is_watched_in_the_same_way()
    {
        StubTraps traps = Traps(isKvm: false);
        traps.Become([ScriptedMachine.Watch(A, 8), ScriptedMachine.Watch(A, 4), ScriptedMachine.Watch(A, 8), ScriptedMachine.Watch(A, 8, onRead: true)]);
        Assert.Equal(["2,1000,8", "2,1000,4", "3,1000,8"], _machine.Traps);
        Assert.Equal([2, 1, 1], traps.Watches.Select(point => point.Uses.Count));
    }

    [Fact]
    public void What_is_wanted_no_longer_goes_and_what_stays_is_left_alone()
    {
        StubTraps traps = Traps();
        traps.Become([ScriptedMachine.Execute(A), ScriptedMachine.Execute(B), ScriptedMachine.Watch(D, 8)]);
        _machine.Requests.Clear();
        TrapUse use = ScriptedMachine.Execute(B);
        traps.Become([use, ScriptedMachine.Execute(C)]);

        Assert.Equal(["Z1,3000,1", "z2,4000,8", "z1,1000,1"], _machine.Requests);
        Assert.Same(use, Assert.Single(traps.At(B)!.Uses));
        Assert.Null(traps.At(A));
        Assert.Empty(traps.Watches);
        traps.Become([]);
        Assert.Empty(_machine.Traps);
        Assert.Empty(traps.All);
    }

    [Theory]
    [InlineData(true, TrapKind.Auto, "hardware breakpoint or software breakpoint")]
    [InlineData(true, TrapKind.Hardware, "no hardware breakpoint left for 0x4000: the CPU has four")]
    [InlineData(true, TrapKind.Software, "no software breakpoint left")]
    [InlineData(false, TrapKind.Auto, "no hardware breakpoint left for 0x4000.")]
    public void A_refused_trap_leaves_all_as_it_was(bool isKvm, TrapKind kind, string words)
    {
        StubTraps traps = Traps(isKvm, kind);
        TrapUse use = ScriptedMachine.Execute(A);
        traps.Become([use, ScriptedMachine.Execute(B)]);
        string[] before = [.. _machine.Traps];
        _machine.Refuses = trap => trap.Contains(",4000,", StringComparison.Ordinal);

        VmiException e = Assert.Throws<VmiException>(() => traps.Become(
            [ScriptedMachine.Execute(A), ScriptedMachine.Execute(C), ScriptedMachine.Watch(C, 8), ScriptedMachine.Execute(D)]));

        Assert.Equal((VmiErrorCode.TrapRefused, "0x4000"), (e.Code, e.Target));
        Assert.Contains(words, e.Message, StringComparison.Ordinal);
        Assert.Equal(before, _machine.Traps);
        Assert.Same(use, Assert.Single(traps.At(A)!.Uses));
        Assert.NotNull(traps.At(B));
        Assert.Null(traps.At(C));
        Assert.Empty(traps.Watches);
    }

    [Fact]
    public void The_drivers_own_are_had_all_or_none_and_take_nothing_from_a_probe()
    {
        LeaveDebugRegisters(3);
        StubTraps traps = Traps(kind: TrapKind.Hardware);
        TrapUse probe = ScriptedMachine.Execute(A), shared = Own(A), own = Own(B), last = Own(C);
        traps.Become([own, shared, last, probe]);
        Assert.True(traps.HasOwn);
        Assert.Equal(["1,1000,1", "1,2000,1", "1,3000,1"], _machine.Traps);
        Assert.Equal([probe, shared], traps.At(A)!.Uses);

        LeaveDebugRegisters(2);
        traps.Become([]);
        traps.Become([own, shared, last, probe]);
        Assert.False(traps.HasOwn);
        Assert.Equal(["1,1000,1"], _machine.Traps);
        Assert.Same(probe, Assert.Single(traps.At(A)!.Uses));
        Assert.Null(traps.At(B));

        LeaveDebugRegisters(3);
        traps.Become([own, last, probe]);
        Assert.True(traps.HasOwn);
        LeaveDebugRegisters(2);
        traps.Become([own, last, probe, Own(D)]);
        Assert.False(traps.HasOwn);
        Assert.Equal(["1,1000,1"], _machine.Traps);

        static TrapUse Own(ulong address) => ScriptedMachine.Execute(address) with { Own = _ => { } };
    }

    [Fact]
    public void A_trap_is_lifted_and_put_back()
    {
        StubTraps traps = Traps();
        traps.Become([ScriptedMachine.Execute(A)]);
        TrapPoint point = traps.At(A)!;
        traps.Lift(point);
        Assert.Empty(_machine.Traps);
        Assert.Same(point, traps.At(A));
        traps.PutBack(point);
        Assert.Equal(["1,1000,1"], _machine.Traps);
        traps.Lift(point);
        _machine.Refuses = _ => true;
        Assert.Equal(VmiErrorCode.TrapRefused, Assert.Throws<VmiException>(() => traps.PutBack(point)).Code);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void All_is_cleared_over_another_connection(bool isKvm)
    {
        StubTraps traps = Traps(isKvm);
        traps.TrapReset();
        Assert.Equal(isKvm ? [] : ["1,fffffff0,1"], _machine.Traps);
        traps.Become([ScriptedMachine.Execute(A), ScriptedMachine.Watch(B, 8)]);
        string[] set = [.. _machine.Traps];
        using var other = new ScriptedMachine();
        other.Traps.AddRange(set);
        _machine.Connection.Dispose();

        traps.Clear(other.Connection);

        Assert.Empty(other.Traps);
        Assert.Equal(set.Length, other.Requests.Count);
    }

    private StubTraps Traps(bool isKvm = true, TrapKind kind = TrapKind.Auto) => new(_machine.Connection, isKvm, kind);

    private void LeaveDebugRegisters(int count) => _machine.Refuses = trap => trap[0] != '0' && _machine.Traps.Count(each => each[0] != '0') >= count;

    [Fact]
    public void A_port_traps_no_instruction_here_and_memory_is_watched_all_the_same()
    {
        using var machine = new ScriptedMachine();
        var traps = new StubTraps(machine.Connection, isKvm: true, TrapKind.Port);
        traps.Become([ScriptedMachine.Watch(0x2000, 8)]);
        VmiException refused = Assert.Throws<VmiException>(() => traps.Become([ScriptedMachine.Execute(0x1000)]));
        Assert.Equal(VmiErrorCode.TrapRefused, refused.Code);
        Assert.Contains("port", refused.Message, StringComparison.Ordinal);
    }
}
