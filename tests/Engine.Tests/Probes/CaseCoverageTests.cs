using VmiPl.Compilation.Bytecode;
using VmiPl.Probes.Interpreter;

namespace VmiPl.Tests.Probes;

/// <summary>Holds the cases complete: each instruction runs in some case that passes, and each conditional jump goes both ways.</summary>
public sealed class CaseCoverageTests
{
    /// <summary>Cases that take more instructions are about limits and not traced.</summary>
    private const int LongestTrace = 200;

    [Fact]
    public void The_set_has_what_the_specification_lists() =>
        // 13 operations in two widths, from K and X but for neg; sdiv, smod; five sign-extending moves; nine byte swaps; 11
        // conditional jumps in two widths from K and X, ja, gotol, two calls, exit; lddw; 12 plain accesses and three that extend.
        Assert.Equal((13 * 2 - 1) * 2 + 8 + 5 + 9 + 11 * 4 + 5 + 1 + 15, InstructionSet.All.Count);

    [Fact]
    public void Every_instruction_runs_in_a_case_that_passes()
    {
        var taken = new HashSet<string>();
        foreach (ProgramCase found in ProgramCase.All.Where(found => found.Refused is null))
        {
            found.Check();
            taken.UnionWith(Trace(found).Select(step => InstructionSet.Name(step.Word)));
        }
        Assert.Empty(InstructionSet.All.Except(taken));
        Assert.Empty(taken.Except(InstructionSet.All));
    }

    [Fact]
    public void Every_conditional_jump_goes_both_ways()
    {
        var ways = new HashSet<(string, bool)>();
        foreach (ProgramCase found in ProgramCase.All.Where(found => found.Refused is null))
        {
            (Instruction Word, int At)[] steps = [.. Trace(found)];
            for (int i = 0; i + 1 < steps.Length; i++)
            {
                if (InstructionSet.IsConditional(steps[i].Word))
                    ways.Add((InstructionSet.Name(steps[i].Word), steps[i + 1].At != steps[i].At + 1));
            }
        }
        Assert.Equal(11 * 2 * 2 * 2, ways.Count);
    }

    [Fact]
    public void Every_helper_is_called_in_a_case_that_passes()
    {
        IEnumerable<int> called = ProgramCase.All.Where(found => found.Refused is null)
            .SelectMany(Trace).Where(step => InstructionSet.Name(step.Word) == "call 0").Select(step => step.Word.Immediate);
        Assert.Equal(Enum.GetValues<Helper>().Select(helper => (int)helper), called.Distinct().Order());
    }

    /// <summary>The instructions of a run, in order: a run with a budget of n ends in front of the one behind the n-th. A call
    /// that moves bytes comes as often as it takes instructions.</summary>
    private static IEnumerable<(Instruction Word, int At)> Trace(ProgramCase found)
    {
        int at = 0;
        for (int budget = 1; budget <= LongestTrace; budget++)
        {
            yield return (found.Program.Code[at], at);
            ProgramResult result = new ProbeInterpreter(found.Program with { InstructionBudget = budget }).Run(new CaseHost(found.Text));
            if (result.End != ProgramEnd.BudgetSpent)
                yield break;
            at = result.Instruction;
        }
    }
}
