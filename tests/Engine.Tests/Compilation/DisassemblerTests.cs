using VmiPl.Compilation.Bytecode;

namespace VmiPl.Tests.Compilation;

/// <summary>What the cases of <c>tests/cases</c>, which show each instruction, do not: whole listings and garbage.</summary>
public sealed class DisassemblerTests
{
    [Fact]
    public void A_listing_has_the_index_in_front_and_one_line_for_lddw() =>
        Assert.Equal(
            ["0: r1 = 0x1122334455667788 ll", "2: if r1 s> -5 goto 4", "3: r0 = *(s16 *)(r10 - 8)", "4: exit"],
            Disassembler.Lines(
            [
                new(0x18, 1, 0, 0, 0x55667788), new(0, 0, 0, 0, 0x11223344),
                new(0x65, 1, 0, 1, -5), new(0x89, 0, 10, -8, 0), new(0x95, 0, 0, 0, 0),
            ]));

    [Fact]
    public void Indices_are_in_a_column() =>
        Assert.Equal([" 0: exit", "10: exit"], Disassembler.Lines([.. Enumerable.Repeat(new Instruction(0x95, 0, 0, 0, 0), 11)]).Where((_, i) => i % 10 == 0));

    [Fact]
    public void No_code_has_no_lines() => Assert.Empty(Disassembler.Lines([]));

    [Fact]
    public void Any_words_are_shown()
    {
        var random = new Random(3);
        byte[] bytes = new byte[Instruction.Size];
        for (int round = 0; round < 20_000; round++)
        {
            Instruction[] code = new Instruction[random.Next(1, 6)];
            for (int i = 0; i < code.Length; i++)
            {
                random.NextBytes(bytes);
                // Half of them lddw, which looks at the word behind it.
                if (random.Next(2) == 0)
                    (bytes[0], bytes[1]) = (0x18, 1);
                code[i] = Instruction.Read(bytes);
            }
            IReadOnlyList<string> lines = Disassembler.Lines(code);
            Assert.InRange(lines.Count, (code.Length + 1) / 2, code.Length);
            Assert.All(lines, line => Assert.Matches(@"^\d: \S", line));
        }
    }
}
