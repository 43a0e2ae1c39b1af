using VmiPl.Compilation.Bytecode;
using VmiPl.Probes.Interpreter;

namespace VmiPl.Tests.Probes;

/// <summary>A million programs that nobody wrote: none throws, reaches beyond its memory or runs on.</summary>
public sealed class RandomProgramTests
{
    private const int Seeds = 100, ProgramsPerSeed = 10_000;

    [Fact]
    public void A_million_random_programs_stay_in_their_memory_and_budget()
    {
        var totals = new Totals[Seeds];
        Parallel.For(0, Seeds, seed => totals[seed] = RunSeed(seed));
        Assert.Empty(totals.Where(total => total.Problem is not null).Select(total => total.Problem));
        // A test of programs that are all refused, or end at once, would prove little.
        long accepted = totals.Sum(total => total.Accepted), flipped = totals.Sum(total => total.FlippedAccepted);
        Assert.InRange(accepted, Seeds * ProgramsPerSeed * 3 / 10, Seeds * ProgramsPerSeed);
        Assert.InRange(flipped, Seeds * ProgramsPerSeed / 100, accepted);
        Assert.True(totals.Sum(total => total.Spans) > accepted / 10);
        foreach (ProgramEnd end in Enum.GetValues<ProgramEnd>())
            Assert.True(totals.Sum(total => total.Ends[(int)end]) > 1000, $"Hardly any program ended in {end}.");
        TestContext.Current.SendDiagnosticMessage($"{accepted} accepted ({flipped} of them flipped), {totals.Sum(total => total.Taken)} instructions");
    }

    private static Totals RunSeed(int seed)
    {
        var totals = new Totals();
        var programs = new RandomPrograms(seed);
        var host = new UntrustingHost();
        for (int i = 0; i < ProgramsPerSeed && totals.Problem is null; i++)
        {
            int kind = programs.Next(10);
            ProbeProgram program = kind switch { < 6 => programs.Valid(), < 9 => programs.Flipped(), _ => programs.Noise() };
            string? refused = Verifier.FindProblem(program);
            if (refused is not null)
            {
                if (kind < 6)
                    totals.Problem = $"seed {seed}, program {i}: a valid program is refused: {refused}";
                continue;
            }
            totals.Accepted++;
            if (kind is >= 6 and < 9)
                totals.FlippedAccepted++;
            host.Interpreter = new ProbeInterpreter(program);
            for (int run = 0; run < 2; run++)
            {
                long before = host.Bytes;
                ProgramResult result = host.Interpreter.Run(host);
                totals.Ends[(int)result.End]++;
                totals.Taken += result.Taken;
                if (result.Taken < 1 || result.Taken > program.InstructionBudget || result.Instruction < 0 || result.Instruction >= program.Code.Length)
                    totals.Problem = $"seed {seed}, program {i}: {result}";
                if (host.Bytes - before > (long)result.Taken * ProbeProgram.BytesPerInstruction)
                    totals.Problem = $"seed {seed}, program {i}: {host.Bytes - before} bytes moved, {result}";
            }
            if (host.Breach is { } breach)
                totals.Problem = $"seed {seed}, program {i}: {breach}";
        }
        totals.Spans = host.Spans;
        return totals;
    }

    private sealed class Totals
    {
        public long[] Ends { get; } = new long[Enum.GetValues<ProgramEnd>().Length];

        public long Accepted { get; set; }

        public long FlippedAccepted { get; set; }

        public long Taken { get; set; }

        public long Spans { get; set; }

        public string? Problem { get; set; }
    }
}
