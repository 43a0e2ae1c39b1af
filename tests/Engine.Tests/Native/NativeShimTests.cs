using VmiPl.Compilation.Bytecode;
using VmiPl.Probes.Interpreter;
using VmiPl.Tests.Probes;

namespace VmiPl.Tests.Native;

/// <summary>Runs the tests and the fuzzer of the shim's parts in C, and holds its probe machine to the one in C#.</summary>
public sealed class NativeShimTests(NativeMake make) : IClassFixture<NativeMake>
{
    private const int Seeds = 40, ProgramsPerSeed = 5_000, FuzzSeconds = 5;

    [Fact]
    public async Task The_parts_in_C_pass_their_tests()
    {
        NativeMake.SkipWithoutCompiler();
        string output = await make.MustRunAsync("check");
        Assert.Contains($"test_cases:\n{ProgramCase.All.Count()} passed, 0 failed\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_case_that_does_not_hold_is_named()
    {
        NativeMake.SkipWithoutCompiler();
        string path = Path.Combine(make.Folder, "wrong.case");
        await File.WriteAllTextAsync(path, "-- name wrong\n-- code\n95 00 0000 00000000\n-- result r0 0x1\n", TestContext.Current.CancellationToken);
        (int exitCode, string output) = await make.RunAsync("check", $"CASES={path}");
        Assert.NotEqual(0, exitCode);
        Assert.Contains("wrong.case: wrong: r0", output, StringComparison.Ordinal);
        Assert.Contains("0 passed, 1 failed", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_fuzzer_finds_nothing()
    {
        NativeMake.SkipWithoutCompiler();
        string output = await make.MustRunAsync("fuzz", $"SECONDS={FuzzSeconds}");
        Assert.Contains("nothing found", output, StringComparison.Ordinal);
        TestContext.Current.SendDiagnosticMessage(output);
    }

    [Fact]
    public async Task Both_verifiers_say_the_same_of_every_case()
    {
        using NativeTwin twin = await BuildTwinAsync();
        foreach (ProgramCase found in ProgramCase.All)
        {
            using NativeTwin.Loaded? loaded = twin.Load(found.Program, out string? problem);
            Assert.Equal(Verifier.FindProblem(found.Program), problem);
        }
    }

    [Fact]
    public async Task Random_programs_do_the_same_in_both_twins()
    {
        using NativeTwin twin = await BuildTwinAsync();
        var problems = new string?[Seeds];
        long[] ends = new long[Enum.GetValues<ProgramEnd>().Length];
        long refused = 0;
        Parallel.For(0, Seeds, seed => problems[seed] = CompareSeed(twin, seed, ends, ref refused));
        Assert.All(problems, Assert.Null);
        // A comparison of programs that are all refused, or end at once, would prove little.
        foreach (ProgramEnd end in Enum.GetValues<ProgramEnd>())
            Assert.True(ends[(int)end] > 100, $"Hardly any program ended in {end}.");
        Assert.InRange(refused, 1000, Seeds * ProgramsPerSeed / 2);
    }

    private async Task<NativeTwin> BuildTwinAsync()
    {
        NativeMake.SkipWithoutCompiler();
        await make.MustRunAsync("twin");
        return new NativeTwin(Path.Combine(make.Folder, "vmi-twin.so"));
    }

    private static string? CompareSeed(NativeTwin twin, int seed, long[] ends, ref long refused)
    {
        var programs = new RandomPrograms(seed);
        for (int i = 0; i < ProgramsPerSeed; i++)
        {
            ProbeProgram program = programs.Next(10) switch { < 6 => programs.Valid(), < 9 => programs.Flipped(), _ => programs.Noise() };
            string? expected = Verifier.FindProblem(program);
            using NativeTwin.Loaded? native = twin.Load(program, out string? problem);
            string? difference = expected != problem ? $"'{expected}' in C#, '{problem}' in C" : null;
            if (expected is not null)
                Interlocked.Increment(ref refused);
            if (difference is null && native is not null)
                difference = CompareRuns(new ProbeInterpreter(program), native, ends);
            if (difference is not null)
                return $"seed {seed}, program {i}: {difference}\n{string.Join('\n', Disassembler.Lines(program.Code.AsSpan()))}";
        }
        return null;
    }

    /// <summary>Runs both twice on what the first run left; what differs, or null.</summary>
    private static string? CompareRuns(ProbeInterpreter managed, NativeTwin.Loaded native, long[] ends)
    {
        DigestingHost left = new(), right = new();
        for (int run = 0; run < 2; run++)
        {
            ProgramResult expected = managed.Run(left), actual = native.Run(right);
            if (expected != actual)
                return $"{expected} in C#, {actual} in C";
            if (left.Digest != right.Digest)
                return "the hosts were asked different things";
            if (!managed.Memory.SequenceEqual(native.Memory))
                return "the memories differ";
            Interlocked.Increment(ref ends[(int)expected.End]);
        }
        return null;
    }
}
