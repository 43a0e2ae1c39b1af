using BenchmarkDotNet.Attributes;
using VmiPl.Compilation.Bytecode;
using VmiPl.Probes.Interpreter;

namespace VmiPl.Benchmarks;

/// <summary>The interpreter of probe programs, per instruction: a loop of arithmetic, branches, a call and some memory, as filters
/// and walks are made of, and one that does little but load and store.</summary>
internal static class ProgramSection
{
    public static void Run(Report report)
    {
        var results = Runner.Run<ProgramBenchmarks>();
        Add("mixed", ProgramBenchmarks.Mixed, results[nameof(ProgramBenchmarks.MixedLoop)].Nanoseconds);
        Add("memory", ProgramBenchmarks.Memory, results[nameof(ProgramBenchmarks.MemoryLoop)].Nanoseconds);
        (double start, long bytes) = results[nameof(ProgramBenchmarks.ShortRun)];
        report.Add("Probe program of one instruction, whole run", $"{start:0} ns");
        report.Add("Managed memory of that run", $"{bytes} B", "0 B", bytes == 0);

        void Add(string what, ProbeInterpreter program, double nanoseconds)
        {
            int taken = program.Run(NoHost.Instance).Taken;
            double each = nanoseconds / taken;
            report.Add($"Probe program, {what} loop of {taken} instructions", $"{each:0.00} ns each", "under 5 ns", each < 5);
        }
    }
}

public class ProgramBenchmarks
{
    internal static ProbeInterpreter Mixed { get; } = Load(
        new(0xB7, 6, 0, 0, 10_000),      //  0: r6 = 10000
        new(0xB7, 7, 0, 0, 0),           //  1: r7 = 0
        new(0xBF, 8, 1, 0, 0),           //  2: r8 = r1
        new(0xBF, 3, 6, 0, 0),           //  3: r3 = r6
        new(0x57, 3, 0, 0, 0x1F8),       //  4: r3 &= 504
        new(0x0F, 3, 8, 0, 0),           //  5: r3 += r8
        new(0x61, 4, 3, 0, 0),           //  6: r4 = *(u32 *)(r3 + 0)
        new(0xAF, 7, 4, 0, 0),           //  7: r7 ^= r4
        new(0x27, 7, 0, 0, 0x5BD1E995),  //  8: r7 *= 1540483477
        new(0x77, 7, 0, 0, 13),          //  9: r7 >>= 13
        new(0x56, 7, 0, 2, 77),          // 10: if w7 != 77 goto 13
        new(0x63, 3, 7, 0, 0),           // 11: *(u32 *)(r3 + 0) = r7
        new(0x04, 7, 0, 0, 1),           // 12: w7 += 1
        new(0x45, 6, 0, 1, 15),          // 13: if r6 & 15 goto 15
        new(0x85, 0, 1, 0, 4),           // 14: call 19
        new(0x17, 6, 0, 0, 1),           // 15: r6 -= 1
        new(0x65, 6, 0, -14, 0),         // 16: if r6 s> 0 goto 3
        new(0xBF, 0, 7, 0, 0),           // 17: r0 = r7
        new(0x95, 0, 0, 0, 0),           // 18: exit
        new(0x7B, 10, 7, -8, 0),         // 19: *(u64 *)(r10 - 8) = r7
        new(0x79, 0, 10, -8, 0),         // 20: r0 = *(u64 *)(r10 - 8)
        new(0x95, 0, 0, 0, 0));          // 21: exit

    internal static ProbeInterpreter Memory { get; } = Load(
        new(0xB7, 6, 0, 0, 10_000),      //  0: r6 = 10000
        new(0xBF, 3, 1, 0, 0),           //  1: r3 = r1
        new(0x79, 4, 3, 0, 0),           //  2: r4 = *(u64 *)(r3 + 0)
        new(0x61, 5, 3, 12, 0),          //  3: r5 = *(u32 *)(r3 + 12)
        new(0x7B, 3, 4, 16, 0),          //  4: *(u64 *)(r3 + 16) = r4
        new(0x63, 3, 5, 24, 0),          //  5: *(u32 *)(r3 + 24) = r5
        new(0x71, 4, 3, 33, 0),          //  6: r4 = *(u8 *)(r3 + 33)
        new(0x69, 5, 3, 36, 0),          //  7: r5 = *(u16 *)(r3 + 36)
        new(0x73, 3, 4, 40, 0),          //  8: *(u8 *)(r3 + 40) = r4
        new(0x7B, 10, 5, -16, 0),        //  9: *(u64 *)(r10 - 16) = r5
        new(0x79, 4, 10, -8, 0),         // 10: r4 = *(u64 *)(r10 - 8)
        new(0x7A, 3, 0, 48, 7),          // 11: *(u64 *)(r3 + 48) = 7
        new(0x17, 6, 0, 0, 1),           // 12: r6 -= 1
        new(0x55, 6, 0, -12, 0),         // 13: if r6 != 0 goto 2
        new(0x95, 0, 0, 0, 0));          // 14: exit

    private static ProbeInterpreter Short { get; } = Load(new Instruction(0x95, 0, 0, 0, 0));

    [Benchmark]
    public int MixedLoop() => Mixed.Run(NoHost.Instance).Taken;

    [Benchmark]
    public int MemoryLoop() => Memory.Run(NoHost.Instance).Taken;

    [Benchmark]
    public int ShortRun() => Short.Run(NoHost.Instance).Taken;

    private static ProbeInterpreter Load(params Instruction[] code) => new(new ProbeProgram { Code = [.. code], ScratchBytes = 1024 });
}

/// <summary>These programs call no helper.</summary>
internal sealed class NoHost : IProgramHost
{
    public static NoHost Instance { get; } = new();

    public int Vcpu => 0;

    public ulong ReadRegister(int register) => 0;

    public int ReadVirtual(ulong address, ulong root, Span<byte> buffer) => 0;

    public int ReadPhysical(ulong address, Span<byte> buffer) => 0;

    public int WriteVirtual(ulong address, ulong root, ReadOnlySpan<byte> bytes) => 0;

    public ulong Translate(ulong address, ulong root) => ulong.MaxValue;

    public bool TryReadExitField(int field, out ulong value)
    {
        value = 0;
        return false;
    }

    public void Emit(int schema, ReadOnlySpan<byte> record)
    {
    }

    public void Pause()
    {
    }

    public void SelectBody(int probe, int body)
    {
    }
}
