using System.Collections.Immutable;
using VmiPl.Compilation.Bytecode;
using VmiPl.Probes.Interpreter;
using VmiPl.Tests.Cases;

namespace VmiPl.Tests.Probes;

/// <summary>A case with bytecode: the program, the machine below it and what is expected.</summary>
internal sealed class ProgramCase
{
    private static readonly string[] Kinds =
    [
        "code", "scratch", "budget", "schemas", "runs", "pad",
        "registers", "memory", "physical", "translations", "exit-fields", "vcpu",
        "result", "end", "taken", "records", "writes", "effects", "refused",
    ];

    public ProgramCase(TextCase text)
    {
        Text = text;
        if (text.Sections.FirstOrDefault(section => !Kinds.Contains(section.Kind)) is { } unknown)
            throw new FormatException($"{text}: a program case has no section '{unknown.Kind}'.");
        if (!text.Has("result") && !text.Has("end") && !text.Has("refused"))
            throw new FormatException($"{text}: the case expects nothing.");
        string[][] lines = [.. text.Find("code")!.Lines.Select(line => line.Split(';', 2, StringSplitOptions.TrimEntries))];
        Comments = [.. lines.Select(line => line.Length == 2 ? line[1] : null)];
        ImmutableArray<Instruction> code = [.. lines.Select(line => Instruction.Read(Word(line[0])))];
        int length = Number("pad", code.Length);
        Program = new ProbeProgram
        {
            Code = [.. Enumerable.Range(0, length).Select(i => code[Math.Min(i, code.Length - 1)])],
            ScratchBytes = Number("scratch", 0),
            InstructionBudget = Number("budget", 1000),
            SchemaCount = Number("schemas", 0),
            Registers = new CaseHost(text).RegisterMask,
        };
    }

    public static IEnumerable<ProgramCase> All => CaseReader.ReadAll().Where(text => text.Has("code")).Select(text => new ProgramCase(text));

    public TextCase Text { get; }

    public ProbeProgram Program { get; }

    /// <summary>What the case shows beside each word of its code.</summary>
    public IReadOnlyList<string?> Comments { get; }

    public string? Refused => Text.Find("refused")?.Argument;

    /// <summary>Runs the program as often as the case says and compares.</summary>
    public void Check()
    {
        if (Refused is { } expected)
        {
            Assert.Contains(expected, Verifier.FindProblem(Program) ?? "(accepted)", StringComparison.Ordinal);
            return;
        }
        Assert.Null(Verifier.FindProblem(Program));
        var host = new CaseHost(Text);
        var interpreter = new ProbeInterpreter(Program);
        ProgramResult result = default;
        for (int run = Number("runs", 1); run > 0; run--)
            result = interpreter.Run(host);
        CheckEnd(result);
        CheckEffects(host);
    }

    private void CheckEnd(ProgramResult result)
    {
        string[] end = Text.Find("end")?.Argument.Split(' ') ?? ["finished"];
        ProgramEnd expected = end[0] switch
        {
            "finished" => ProgramEnd.Finished,
            "budget-spent" => ProgramEnd.BudgetSpent,
            "memory-fault" => ProgramEnd.MemoryFault,
            "helper-fault" => ProgramEnd.HelperFault,
            "call-depth" => ProgramEnd.CallDepth,
            _ => throw new FormatException($"{Text}: no program ends in '{end[0]}'."),
        };
        Assert.Equal(expected, result.End);
        if (end.Length > 1)
            Assert.Equal((int)CaseText.Number(end[1]), result.Instruction);
        if (Text.Find("taken") is { } taken)
            Assert.Equal((int)CaseText.Number(taken.Argument), result.Taken);
        if (Text.Find("result") is { } value)
            Assert.Equal($"r0 0x{CaseText.Number(value.Argument[3..]):x}", $"r0 0x{result.Value:x}");
    }

    private void CheckEffects(CaseHost host)
    {
        Assert.Equal(Text.Find("records")?.Lines.Select(CaseText.Run).Select(Show) ?? [], host.Records.Select(Show));
        Assert.Equal(
            Text.All("writes").SelectMany(section => section.Lines.Select(CaseText.Run).Select(run => $"{CaseHost.Root(section):x} {Show(run)}")),
            host.Writes.Select(write => $"{write.Root:x} {Show((write.Address, write.Bytes))}"));
        Assert.Equal(Text.Find("effects")?.Lines ?? [], host.Effects);
    }

    private static string Show((ulong Number, byte[] Bytes) run) => $"0x{run.Number:x}: {Convert.ToHexString(run.Bytes)}";

    private byte[] Word(string text)
    {
        byte[] bytes = CaseText.Bytes(text);
        return bytes.Length == Instruction.Size ? bytes : throw new FormatException($"{Text}: '{text}' is no word of 8 bytes.");
    }

    private int Number(string kind, int otherwise) =>
        Text.Find(kind) is { } section ? int.Parse(section.Argument, System.Globalization.CultureInfo.InvariantCulture) : otherwise;
}
