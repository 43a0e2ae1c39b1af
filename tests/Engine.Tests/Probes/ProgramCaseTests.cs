using VmiPl.Compilation.Bytecode;
using VmiPl.Tests.Cases;

namespace VmiPl.Tests.Probes;

/// <summary>Holds verifier, interpreter and disassembler to the program cases of <c>tests/cases</c>.</summary>
public sealed class ProgramCaseTests
{
    private static readonly Dictionary<string, ProgramCase> Cases = ProgramCase.All.ToDictionary(found => found.Text.ToString());

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_program_does_what_its_case_says(string name) => Cases[name].Check();

    [Theory]
    [MemberData(nameof(Names))]
    public void The_disassembler_shows_what_stands_beside_the_code(string name)
    {
        ProgramCase found = Cases[name];
        Instruction[] code = [.. found.Program.Code.Take(found.Comments.Count)];
        for (int i = 0; i < code.Length; i++)
        {
            if (found.Comments[i] is { } comment)
                Assert.Equal(comment, Disassembler.Text(code, i));
        }
        // Two words of lddw are one line, so that a word without a comment stands behind one.
        int lines = Disassembler.Lines(code).Count;
        Assert.Equal(found.Comments.Count(comment => comment is not null), lines);
    }

    [Fact]
    public void A_section_that_program_cases_do_not_have_is_an_error() =>
        Assert.Throws<FormatException>(() => new ProgramCase(CaseReader.Read("x.case", ["-- name a", "-- code", "95 00 0000 00000000", "-- resuld r0 0"])[0]));

    [Fact]
    public void A_case_that_expects_nothing_is_an_error() =>
        Assert.Throws<FormatException>(() => new ProgramCase(CaseReader.Read("x.case", ["-- name a", "-- code", "95 00 0000 00000000"])[0]));
}
