using VmiPl.Compilation.Bytecode;
using VmiPl.Errors;
using VmiPl.Probes.Interpreter;
using VmiPl.Tests.Cases;

namespace VmiPl.Tests.Probes;

public sealed class ProbeInterpreterTests
{
    [Fact]
    public void A_program_that_is_not_verified_cannot_be_loaded()
    {
        ProbeProgram program = new() { Code = [new Instruction(0xdb, 0, 0, 0, 0)] };
        VmiException error = Assert.Throws<VmiException>(() => new ProbeInterpreter(program));
        Assert.Equal(VmiErrorCode.InvalidArgument, error.Code);
        Assert.Contains("instruction 0: atomic operations", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_allocates_nothing()
    {
        var host = new QuietHost();
        var interpreter = new ProbeInterpreter(Busy());
        Assert.Equal(ProgramEnd.Finished, interpreter.Run(host).End);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            interpreter.Run(host);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal(101, host.Emitted);
    }

    [Fact]
    public void Two_interpreters_of_one_program_have_memory_of_their_own()
    {
        // *(u8 *)(r1 + 0) += 1, by way of r0.
        ProbeProgram program = new()
        {
            Code = [new(0x71, 0, 1, 0, 0), new(0x07, 0, 0, 0, 1), new(0x73, 1, 0, 0, 0), new(0x95, 0, 0, 0, 0)],
            ScratchBytes = 1,
        };
        var host = new QuietHost();
        ProbeInterpreter first = new(program), second = new(program);
        Assert.Equal(1UL, first.Run(host).Value);
        Assert.Equal(2UL, first.Run(host).Value);
        Assert.Equal(1UL, second.Run(host).Value);
    }

    [Fact]
    public void An_exception_of_the_host_passes_through_and_the_next_run_is_a_new_one()
    {
        ProbeProgram program = new() { Code = [new(0x85, 0, 0, 0, (int)Helper.Pause), new(0x95, 0, 0, 0, 0)] };
        var interpreter = new ProbeInterpreter(program);
        var host = new QuietHost { ThrowsOnPause = true };
        Assert.Throws<VmiException>(() => interpreter.Run(host));
        host.ThrowsOnPause = false;
        Assert.Equal(new ProgramResult(ProgramEnd.Finished, 1, 2, 0), interpreter.Run(host));
    }

    [Fact]
    public void A_host_that_counts_wrongly_is_held_to_the_size_of_the_buffer()
    {
        // r0 = read_virtual(r1, r2 = 8, …)
        ProbeProgram program = new() { Code = [new(0x85, 0, 0, 0, (int)Helper.ReadVirtual), new(0x95, 0, 0, 0, 0)], ScratchBytes = 8 };
        Assert.Equal(8UL, new ProbeInterpreter(program).Run(new QuietHost { Count = int.MaxValue }).Value);
        Assert.Equal(0UL, new ProbeInterpreter(program).Run(new QuietHost { Count = -5 }).Value);
    }

    /// <summary>A loop over memory in a function of its own, and helpers that read a string and emit it.</summary>
    private static ProbeProgram Busy()
    {
        TextCase text = CaseReader.Read("busy.case",
        [
            "-- name busy", "-- scratch 64", "-- schemas 1", "-- code",
            "bf 16 0000 00000000 ; r6 = r1",
            "b7 02 0000 40000000 ; r2 = 64",
            "b7 03 0000 00100000 ; r3 = 4096",
            "b7 04 0000 00000000 ; r4 = 0",
            "85 00 0000 06000000 ; r0 = read_string(r1, r2, r3, r4)",
            "85 10 0000 05000000 ; call 11",
            "b7 01 0000 00000000 ; r1 = 0",
            "bf 62 0000 00000000 ; r2 = r6",
            "b7 03 0000 40000000 ; r3 = 64",
            "85 00 0000 07000000 ; r0 = emit(r1, r2, r3)",
            "95 00 0000 00000000 ; exit",
            "b7 01 0000 64000000 ; r1 = 100",
            "7b 1a f8ff 00000000 ; *(u64 *)(r10 - 8) = r1",
            "79 a1 f8ff 00000000 ; r1 = *(u64 *)(r10 - 8)",
            "17 01 0000 01000000 ; r1 -= 1",
            "55 01 fcff 00000000 ; if r1 != 0 goto 12",
            "95 00 0000 00000000 ; exit",
            "-- end finished",
        ])[0];
        return new ProgramCase(text).Program;
    }

    /// <summary>A host that keeps nothing: all memory is the letter a.</summary>
    private sealed class QuietHost : IProgramHost
    {
        public int Emitted { get; private set; }

        public bool ThrowsOnPause { get; set; }

        /// <summary>What a read says, in place of the truth.</summary>
        public int? Count { get; init; }

        public int Vcpu => 0;

        public ulong ReadRegister(int register) => 0;

        public int ReadVirtual(ulong address, ulong root, Span<byte> buffer)
        {
            buffer.Fill((byte)'a');
            return Count ?? buffer.Length;
        }

        public int ReadPhysical(ulong address, Span<byte> buffer) => 0;

        public int WriteVirtual(ulong address, ulong root, ReadOnlySpan<byte> bytes) => 0;

        public ulong Translate(ulong address, ulong root) => ulong.MaxValue;

        public bool TryReadExitField(int field, out ulong value)
        {
            value = 0;
            return false;
        }

        public void Emit(int schema, ReadOnlySpan<byte> record) => Emitted++;

        public void Pause()
        {
            if (ThrowsOnPause)
                throw new VmiException(VmiErrorCode.MachineLost, "The machine is gone.");
        }

        public void SelectBody(int probe, int body)
        {
        }
    }
}
