using VmiPl.Memory;
using VmiPl.Symbols.Inference;

namespace VmiPl.Tests.Symbols.Inference;

/// <summary>Modules' tables of symbols and exports, true ones and such as are not quite.</summary>
public sealed class ModuleSymbolInferenceTests
{
    private static readonly string[] _members = ["symtab", "num_symtab", "strtab", "typetab"];

    public static TheoryData<PagingMode> Modes => [PagingMode.Legacy32, PagingMode.Pae, PagingMode.FourLevel];

    [Theory]
    [MemberData(nameof(Modes))]
    public void Tables_are_known_by_what_is_in_them(PagingMode mode)
    {
        var modules = new SyntheticModules(mode);
        modules.Symbols(0);
        // One that is being loaded has symbols of its init code, too, and one has nothing but the empty one.
        modules.Symbols(1, functions: 6, outside: 3);
        InferredLayout layout = modules.Infer();
        Assert.Equal(SyntheticModules.KallsymsAt, layout.Offsets["module.kallsyms"]);
        Assert.Equal(
            [0, modules.Size, 2 * modules.Size, 3 * modules.Size],
            _members.Select(member => layout.Offsets["mod_kallsyms." + member]));
        Assert.DoesNotContain("module.syms", layout.Offsets.Keys);
        modules.Symbols(1, functions: 0);
        Assert.Equal(SyntheticModules.KallsymsAt, modules.Infer().Offsets["module.kallsyms"]);
        modules.Symbols(0, functions: 0);
        Assert.Empty(modules.Infer().Offsets);
    }

    public static TheoryData<string> Lies =>
        ["first symbol", "first name", "name's end", "name's letters", "type letter", "no symbols", "many symbols", "functions", "table", "names", "letters", "end of memory"];

    [Theory]
    [MemberData(nameof(Lies))]
    public void One_that_is_not_quite_a_table_is_none(string lie)
    {
        foreach (PagingMode mode in Modes)
        {
            var modules = new SyntheticModules(mode);
            modules.Symbols(0);
            int at = modules.Symbols(1, functions: 4, outside: lie == "functions" ? 3 : 0), size = modules.Size;
            switch (lie)
            {
                case "first symbol": modules.Bytes[at + 0x100] = 1; break;
                case "first name": modules.Bytes[at + 0x800] = (byte)'x'; break;
                case "name's end": modules.Bytes.Slice(at + 0x801, 0x300).Fill((byte)'x'); break;
                case "name's letters": modules.Bytes[at + 0x803] = 0x80; break;
                case "type letter": modules.Bytes[at + 0xC01] = 0; break;
                case "no symbols": modules.Put(at + size, 0); break;
                case "many symbols": modules.Put(at + size, uint.MaxValue); break;
                case "table": modules.Put(at, 0x1000); break;
                case "names": modules.Put(at + 2 * size, modules.Start - 0x1000); break;
                case "letters": modules.Put(at + 3 * size, 0); break;
                case "end of memory": modules.Put(at, modules.Start + (ulong)modules.Bytes.Length - 16); break;
                default: break;
            }
            Assert.Empty(modules.Infer().Offsets);
        }
    }

    [Fact]
    public void Of_two_places_neither_is_taken()
    {
        var modules = new SyntheticModules(PagingMode.Legacy32);
        foreach (int module in (int[])[0, 1])
        {
            int at = modules.Symbols(module);
            modules.Put(module * SyntheticModules.ModuleBytes + SyntheticModules.Descriptor + 0x200, modules.Start + (ulong)at);
        }
        Assert.Empty(modules.Infer().Offsets);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Exports_are_known_by_their_records(PagingMode mode)
    {
        foreach (bool isRelative in (bool[])[false, true])
        {
            // The second exports nothing.
            var modules = new SyntheticModules(mode);
            modules.Exports(0, isRelative);
            InferredLayout layout = modules.Infer();
            int field = isRelative ? 4 : modules.Size;
            string suffix = isRelative ? "_offset" : "";
            Assert.Equal(
                new Dictionary<string, int>
                {
                    ["module.syms"] = SyntheticModules.ExportsAt, ["module.num_syms"] = SyntheticModules.ExportsAt + 2 * modules.Size,
                    ["kernel_symbol.value" + suffix] = 0, ["kernel_symbol.name" + suffix] = field, ["sizeof kernel_symbol"] = 3 * field,
                }, layout.Offsets);
            // A name that is none, and a place outside the module.
            int table = 0x6000;
            modules.Bytes[table + 0x100] = 0;
            Assert.Empty(modules.Infer().Offsets);
            modules.Exports(0, isRelative);
            modules.Put(SyntheticModules.Descriptor + SyntheticModules.ExportsAt, modules.Start + SyntheticModules.ModuleBytes + 0x6000);
            Assert.Empty(modules.Infer().Offsets);
        }
    }

    /// <summary>Words that lead everywhere, into tables that are half true; and a reader that is spent.</summary>
    [Theory]
    [MemberData(nameof(Modes))]
    public void Noise_ends_and_gives_nothing(PagingMode mode)
    {
        var random = new Random(4);
        for (int round = 0; round < 20; round++)
        {
            var modules = new SyntheticModules(mode) { Count = 4 };
            for (int at = 0; at + modules.Size <= modules.Bytes.Length; at += modules.Size)
                modules.Put(at, random.Next(3) == 0 ? (ulong)random.Next(100) : modules.Start + (ulong)random.Next(modules.Bytes.Length) / 8 * 8);
            modules.Symbols(round % 4);
            modules.Exports((round + 1) % 4, isRelative: round % 2 == 0);
            Assert.Empty(modules.Infer(budget: round % 3 == 0 ? 1000 : 1_000_000).Offsets);
        }
    }
}
