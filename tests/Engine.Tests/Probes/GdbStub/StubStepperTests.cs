using VmiPl.Probes;
using VmiPl.Probes.GdbStub;

namespace VmiPl.Tests.Probes.GdbStub;

public sealed class StubStepperTests : IDisposable
{
    private const ulong At = 0x1000, Handler = 0x5000, TrapFlag = 1 << 8, ControlFlowEnforcement = 1 << 23, LongModeActive = 1 << 10;
    private const string Step = "vCont;s:01", Lift = "z1,1000,1", PutBack = "Z1,1000,1";

    private readonly ScriptedMachine _machine = new();
    private readonly StubTraps _traps;

    public StubStepperTests()
    {
        _traps = new StubTraps(_machine.Connection, isKvm: true, TrapKind.Auto);
        _traps.Become([ScriptedMachine.Execute(At), ScriptedMachine.Execute(Handler)]);
        _machine["efer"] = LongModeActive;
        _machine["cs"] = 0x10;
        _machine["rsp"] = 0x8000;
        // add [rax], eax
        Put(0x01, 0x00);
    }

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void An_instruction_is_executed_with_its_trap_in_place()
    {
        StubStepper stepper = Stepper();
        _machine.Hit(At);
        _machine.Script(Moves());

        Assert.Equal(StopReply.Trap, StepOver(stepper)!.Signal);

        Assert.Equal(At + 2, _machine.Vcpu.InstructionPointer);
        Assert.Equal([Step], _machine.Requests);
        AssertNew(stepper, At);
    }

    [Fact]
    public void Where_no_step_goes_through_a_trap_it_is_lifted()
    {
        _machine.StepsThroughTraps = false;
        StubStepper stepper = Stepper(stepsThroughTraps: false);
        _machine.Hit(At);
        _machine.Script(Moves());

        StepOver(stepper);

        Assert.Equal(At + 2, _machine.Vcpu.InstructionPointer);
        Assert.Equal([Lift, Step, PutBack], _machine.Requests);
    }

    [Fact]
    public void Where_nothing_is_trapped_nothing_is_executed()
    {
        StubStepper stepper = Stepper();
        _machine.Hit(At + 2);
        Assert.Null(StepOver(stepper));
        Assert.Empty(_machine.Requests);
    }

    [Fact]
    public void A_step_that_has_not_begun_is_made_again()
    {
        StubStepper stepper = Stepper();
        _machine.Hit(At);
        _machine.Script(Nothing, Moves());

        StepOver(stepper);

        Assert.Equal(At + 2, _machine.Vcpu.InstructionPointer);
        Assert.Equal([Step, Step], _machine.Requests);
        AssertNew(stepper, At);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void The_first_instruction_of_a_fault_handler_is_one_like_others(int notBegun)
    {
        StubStepper stepper = Stepper();
        for (int i = 0; i < 3; i++)
        {
            AssertNew(stepper, Handler);
            _machine.Script([.. Enumerable.Repeat(Nothing, notBegun), Moves()]);
            StepOver(stepper);
            Assert.Equal(Handler + 2, _machine.Vcpu.InstructionPointer);
        }
    }

    [Fact]
    public void An_instruction_that_has_faulted_is_met_again_once()
    {
        StubStepper stepper = Stepper();
        Fault(stepper);
        Assert.Equal(Handler, _machine.Vcpu.InstructionPointer);

        AssertRetry(stepper);
        AssertNew(stepper, At);
    }

    [Fact]
    public void A_fault_behind_a_step_that_has_not_begun_is_one()
    {
        StubStepper stepper = Stepper();
        _machine.Hit(At);
        _machine.Script(Nothing, Faults);
        StepOver(stepper);
        AssertRetry(stepper);
    }

    [Theory]
    [InlineData("rax")]
    [InlineData("rsp")]
    [InlineData("r15")]
    [InlineData("cr3")]
    public void A_hit_with_other_registers_is_new(string other)
    {
        StubStepper stepper = Stepper();
        Fault(stepper);
        _machine["rsp"] = 0x8000;
        _machine[other]++;
        AssertNew(stepper, At);
    }

    [Fact]
    public void Every_thread_has_its_own_retry()
    {
        StubStepper stepper = Stepper();
        foreach (ulong stack in (ulong[])[0x8000, 0x9000])
        {
            _machine["rsp"] = stack;
            Fault(stepper);
        }
        foreach (ulong stack in (ulong[])[0x8000, 0x9000])
        {
            _machine["rsp"] = stack;
            _machine.Hit(At);
            Assert.True(stepper.IsRetry(_machine.Vcpu));
        }
    }

    [Fact]
    public void Threads_that_never_come_back_are_forgotten()
    {
        const int Threads = 300;
        StubStepper stepper = Stepper();
        int retries = 0;
        for (ulong thread = 0; thread < Threads; thread++)
        {
            _machine["cr3"] = thread << 12;
            _machine["rsp"] = 0x8000;
            Fault(stepper);
        }
        for (ulong thread = 0; thread < Threads; thread++)
        {
            _machine["cr3"] = thread << 12;
            _machine["rsp"] = 0x8000;
            _machine.Hit(At);
            retries += stepper.IsRetry(_machine.Vcpu) ? 1 : 0;
        }
        Assert.InRange(retries, 1, 256);
    }

    [Fact]
    public void An_old_qemu_that_lets_no_step_through_is_found_out_once()
    {
        _machine.StepsThroughTraps = false;
        StubStepper stepper = Stepper();
        _machine.Hit(At);
        _machine.Script(Moves());
        StepOver(stepper);
        Assert.Equal(At + 2, _machine.Vcpu.InstructionPointer);
        Assert.Equal([Step, Step, Lift, Step, PutBack], _machine.Requests);

        AssertNew(stepper, At);
        _machine.Script(Moves());
        StepOver(stepper);
        Assert.Equal(At + 2, _machine.Vcpu.InstructionPointer);
        Assert.Equal([Lift, Step, PutBack], _machine.Requests);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_instruction_that_jumps_to_itself_is_left_to_do_so(bool stepsThroughTraps)
    {
        StubStepper stepper = Stepper(stepsThroughTraps);
        _machine.Hit(At);

        Assert.Equal(StopReply.Trap, StepOver(stepper)!.Signal);

        Assert.Equal(At, _machine.Vcpu.InstructionPointer);
        Assert.Equal(3, _machine.Steps);
        AssertTrapped();
        AssertNew(stepper, At);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_repeated_instruction_is_stepped_to_its_end(bool stepsThroughTraps)
    {
        StubStepper stepper = Stepper(stepsThroughTraps);
        _machine["rcx"] = 100;
        _machine.Hit(At);
        // A repetition may fail to begin, too.
        _machine.Script([.. Enumerable.Range(0, 99).SelectMany(i => i % 10 == 0 ? [Nothing, Repeats] : (Action[])[Repeats]), Moves()]);

        StepOver(stepper);

        Assert.Equal(At + 2, _machine.Vcpu.InstructionPointer);
        Assert.Equal(110, _machine.Steps);
        Assert.Equal(stepsThroughTraps ? 0 : 2, _machine.Requests.Count(request => request is Lift or PutBack));
        AssertTrapped();
    }

    [Fact]
    public void A_long_repetition_is_left_in_the_middle_and_goes_on_as_no_new_hit()
    {
        StubStepper stepper = Stepper();
        _machine["rcx"] = 600;
        _machine.Script([.. Enumerable.Repeat(Repeats, 599), Moves()]);
        _machine.Hit(At);
        for (int part = 0; part < 2; part++)
        {
            StepOver(stepper);
            Assert.Equal(At, _machine.Vcpu.InstructionPointer);
            Assert.Equal(256, _machine.Steps);
            _machine.Hit(At);
            Assert.True(stepper.IsRetry(_machine.Vcpu));
        }
        StepOver(stepper);
        Assert.Equal(At + 2, _machine.Vcpu.InstructionPointer);
        AssertNew(stepper, At);
    }

    [Fact]
    public void A_repetition_that_faults_goes_on_where_it_was()
    {
        StubStepper stepper = Stepper();
        _machine["rcx"] = 5;
        _machine.Hit(At);
        _machine.Script(Repeats, Repeats, Faults);
        StepOver(stepper);
        Assert.Equal(Handler, _machine.Vcpu.InstructionPointer);
        AssertRetry(stepper);
    }

    [Fact]
    public void A_repetition_that_meets_a_watchpoint_is_told_at_once()
    {
        StubStepper stepper = Stepper();
        _machine["rcx"] = 5;
        _machine.Hit(At);
        _machine.Stop = "T05thread:01;watch:2000;";
        _machine.Script(Repeats);
        Assert.Equal(0x2000UL, StepOver(stepper)!.Watch);
        Assert.Equal(4UL, _machine["rcx"]);
        Assert.Equal(1, _machine.Steps);
        AssertRetry(stepper);
    }

    [Theory]
    [InlineData("T02thread:01;", 2)]
    [InlineData("T1dthread:01;", 0x1d)]
    [InlineData("W00", -1)]
    public void A_stop_for_another_reason_ends_the_step_which_is_made_up_for_later(string told, int signal)
    {
        StubStepper stepper = Stepper(stepsThroughTraps: false);
        _machine.Hit(At);
        _machine.Stop = told;
        Assert.Equal(signal, StepOver(stepper)!.Signal);
        Assert.Equal([Lift, Step, PutBack], _machine.Requests);
        if (signal >= 0)
            AssertRetry(stepper);
        AssertNew(stepper, At);
    }

    [Theory]
    [InlineData(0x90)]
    [InlineData(0x66, 0x90)]
    [InlineData(0xf3, 0x0f, 0x1e, 0xfa)]
    [InlineData(0x0f, 0x1f, 0x44, 0x00, 0x00)]
    [InlineData(0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00)]
    public void What_does_nothing_is_skipped_without_a_step(params int[] code)
    {
        Put(code);
        StubStepper stepper = Stepper();
        _machine.Hit(At);

        Assert.Null(StepOver(stepper));

        ulong next = At + (ulong)code.Length;
        Assert.Equal((next, next), (_machine["rip"], _machine.Vcpu.InstructionPointer));
        Assert.StartsWith("P10=", Assert.Single(_machine.Requests), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("eflags", TrapFlag)]
    [InlineData("cr4", ControlFlowEnforcement)]
    public void Where_the_guest_would_notice_it_is_executed(string register, ulong value)
    {
        Put(0x90);
        _machine[register] = value;
        StubStepper stepper = Stepper();
        _machine.Hit(At);
        _machine.Script(Moves(1));

        Assert.NotNull(StepOver(stepper));

        Assert.Equal([Step], _machine.Requests);
        Assert.Equal(At + 1, _machine.Vcpu.InstructionPointer);
    }

    [Fact]
    public void What_a_breakpoint_instruction_hides_is_executed()
    {
        var traps = new StubTraps(_machine.Connection, isKvm: true, TrapKind.Software);
        traps.Become([ScriptedMachine.Execute(At)]);
        Put(0x90);
        var stepper = new StubStepper(_machine.Connection, traps, _machine.Vcpu, new HashSet<ulong>(), stepsThroughTraps: false);
        _machine.Hit(At);
        _machine.Script(Moves(1));
        Assert.NotNull(StepOver(stepper));
        Assert.Equal(["z0,1000,1", Step, "Z0,1000,1"], _machine.Requests);
    }

    [Fact]
    public void Code_that_cannot_be_read_is_executed()
    {
        const ulong Unmapped = 0x10_0000;
        _traps.Become([ScriptedMachine.Execute(Unmapped)]);
        StubStepper stepper = Stepper();
        _machine.Hit(Unmapped);
        _machine.Script(Moves());
        StepOver(stepper);
        Assert.Equal([Step], _machine.Requests);
    }

    private static void Nothing()
    {
    }

    private Action Moves(ulong length = 2) => () => _machine["rip"] += length;

    private void Repeats() => _machine["rcx"]--;

    private void Faults()
    {
        _machine["rip"] = Handler;
        _machine["rsp"] -= 48;
    }

    private void Fault(StubStepper stepper)
    {
        _machine.Hit(At);
        _machine.Script(Faults);
        StepOver(stepper);
    }

    private void AssertRetry(StubStepper stepper)
    {
        _machine["rsp"] = 0x8000;
        _machine.Hit(At);
        Assert.True(stepper.IsRetry(_machine.Vcpu));
    }

    private void AssertNew(StubStepper stepper, ulong address)
    {
        _machine.Hit(address);
        Assert.False(stepper.IsRetry(_machine.Vcpu));
    }

    private void AssertTrapped() => Assert.Equal(["1,1000,1", "1,5000,1"], _machine.Traps.Order());

    private StubStepper Stepper(bool stepsThroughTraps = true) =>
        new(_machine.Connection, _traps, _machine.Vcpu, new HashSet<ulong> { Handler }, stepsThroughTraps);

    private static StopReply? StepOver(StubStepper stepper) => stepper.StepOver(0, ScriptedMachine.Thread);

    private void Put(params int[] code) => code.Select(b => (byte)b).ToArray().CopyTo(_machine.Memory, (int)At);
}
