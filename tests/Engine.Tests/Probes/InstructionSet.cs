using VmiPl.Compilation.Bytecode;

namespace VmiPl.Tests.Probes;

/// <summary>Every instruction of the conformance groups base64 and divmul64 (with base32 and divmul32), from the tables of RFC 9669
/// §4.1 to §5.4: written apart from the Engine, to be compared with it.</summary>
internal static class InstructionSet
{
    private static readonly string[] Arithmetic = ["add", "sub", "mul", "div", "or", "and", "lsh", "rsh", "neg", "mod", "xor", "mov", "arsh"];
    private static readonly string[] Jumps = ["ja", "jeq", "jgt", "jge", "jset", "jne", "jsgt", "jsge", "call", "exit", "jlt", "jle", "jslt", "jsle"];
    private static readonly string[] Sizes = ["w", "h", "b", "dw"];
    private static readonly (int Class, string Name)[] Loads = [(1, "ldx"), (2, "st"), (3, "stx")];

    /// <summary>All of them by name, without the jumps' two ways.</summary>
    public static IReadOnlySet<string> All { get; } = Build();

    /// <summary>Those that either jump or go on.</summary>
    public static bool IsConditional(Instruction word) =>
        (word.Opcode & 7) is 5 or 6 && (word.Opcode >> 4) is not (0 or 8 or 9);

    /// <summary>The name of a well-formed instruction.</summary>
    public static string Name(Instruction word)
    {
        int kind = word.Opcode & 7, code = word.Opcode >> 4;
        string source = (word.Opcode & 8) != 0 ? "x" : "k";
        return kind switch
        {
            0 => "lddw",
            1 or 2 or 3 => $"{Loads[kind - 1].Name}{(word.Opcode >> 5 == 4 ? "sx" : "")} {Sizes[(word.Opcode >> 3) & 3]}",
            5 or 6 when code == 8 => $"call {word.Source}",
            5 or 6 => $"{Jumps[code]} {source} {Width(kind == 5)}",
            _ when code == 13 => $"{(kind == 7 ? "bswap" : source == "k" ? "le" : "be")} {word.Immediate}",
            _ => $"{(word.Offset == 0 ? "" : word.Offset == 1 ? "s" : $"sx{word.Offset} ")}{Arithmetic[code]} {source} {Width(kind == 7)}",
        };
    }

    private static string Width(bool isWide) => isWide ? "64" : "32";

    private static HashSet<string> Build()
    {
        var all = new HashSet<string> { "lddw", "call 0", "call 1", "ja k 64", "ja k 32", "exit k 64", "sx32 mov x 64" };
        foreach (string width in new[] { "64", "32" })
        {
            foreach (string name in Arithmetic)
                all.UnionWith(name == "neg" ? [$"neg k {width}"] : [$"{name} k {width}", $"{name} x {width}"]);
            all.UnionWith([$"sdiv k {width}", $"sdiv x {width}", $"smod k {width}", $"smod x {width}", $"sx8 mov x {width}", $"sx16 mov x {width}"]);
            foreach (string name in Jumps.Except(["ja", "call", "exit"]))
                all.UnionWith([$"{name} k {width}", $"{name} x {width}"]);
        }
        foreach (string swap in new[] { "le", "be", "bswap" })
            all.UnionWith([$"{swap} 16", $"{swap} 32", $"{swap} 64"]);
        foreach (string size in Sizes)
            all.UnionWith([$"ldx {size}", $"st {size}", $"stx {size}"]);
        all.UnionWith(["ldxsx w", "ldxsx h", "ldxsx b"]);
        return all;
    }
}
