using System.Buffers.Binary;
using System.Text;
using VmiPl.Memory;
using VmiPl.Symbols;
using VmiPl.Symbols.Inference;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Symbols.Inference;

/// <summary>Memory of 64 pages in which a test writes modules: 16 pages each, whose first is code, with the descriptor at 0x3000.</summary>
internal sealed class SyntheticModules
{
    public const int ModuleBytes = 0x1_0000, CodeBytes = 0x1000, Descriptor = 0x3000, KallsymsAt = 0x180, ExportsAt = 0x80;
    private const int Image = 0x4_0000, ImageBytes = 4 * ModuleBytes, DescriptorBytes = 1024;
    private readonly byte[] _memory = new byte[Image + ImageBytes];
    private readonly PageTableBuilder _tables;

    public SyntheticModules(PagingMode mode)
    {
        Size = mode is PagingMode.FourLevel or PagingMode.FiveLevel ? 8 : 4;
        Start = Size == 8 ? 0xFFFF_FFFF_C000_0000 : 0xF800_0000;
        _tables = new PageTableBuilder(_memory, mode, 0x1000);
        _tables.MapRun(Start, Image, ImageBytes, PageRights.Writable);
    }

    public int Size { get; }

    public ulong Start { get; }

    public int Count { get; init; } = 2;

    public Span<byte> Bytes => _memory.AsSpan(Image, ImageBytes);

    /// <summary>Writes a number of a pointer's width at an offset.</summary>
    public void Put(int at, ulong value)
    {
        if (Size == 8)
            BinaryPrimitives.WriteUInt64LittleEndian(Bytes[at..], value);
        else
            BinaryPrimitives.WriteUInt32LittleEndian(Bytes[at..], (uint)value);
    }

    /// <summary>Gives a module symbols, of which the last <paramref name="outside"/> lie elsewhere; gives the offset of its
    /// <c>mod_kallsyms</c>, with the table 0x100, the names 0x800 and the letters 0xC00 behind it.</summary>
    public int Symbols(int module, int functions = 4, int outside = 0)
    {
        int at = module * ModuleBytes + 0x8000, table = at + 0x100, names = at + 0x800, letters = at + 0xC00, entry = Size == 8 ? 24 : 16, next = names + 1;
        Put(module * ModuleBytes + Descriptor + KallsymsAt, Start + (ulong)at);
        Put(at, Start + (ulong)table);
        Put(at + Size, (ulong)functions + 1);
        Put(at + 2 * Size, Start + (ulong)names);
        Put(at + 3 * Size, Start + (ulong)letters);
        Bytes[letters] = (byte)'U';
        for (int i = 1; i <= functions; i++)
        {
            int symbol = table + i * entry;
            BinaryPrimitives.WriteInt32LittleEndian(Bytes[symbol..], next - names);
            Put(symbol + (Size == 8 ? 8 : 4), i > functions - outside ? Start : Start + (ulong)(module * ModuleBytes + 16 * i));
            Bytes[letters + i] = (byte)(i % 2 == 0 ? 't' : 'T');
            next += Encoding.ASCII.GetBytes($"function{i}", Bytes[next..]) + 1;
        }
        return at;
    }

    /// <summary>Has a module export two functions, with sums, by distances from the records or by addresses.</summary>
    public void Exports(int module, bool isRelative, int at = ExportsAt)
    {
        int table = module * ModuleBytes + 0x6000, field = isRelative ? 4 : Size, place = module * ModuleBytes + Descriptor + at;
        Put(place, Start + (ulong)table);
        Put(place + Size, Start + (ulong)table);
        Put(place + 2 * Size, 2);
        for (int i = 0; i < 2; i++)
        {
            int value = table + i * 3 * field, name = value + field;
            Encoding.ASCII.GetBytes($"export{i}\0", Bytes[(table + 0x100 + i * 16)..]);
            foreach ((int from, int to) in new[] { (value, module * ModuleBytes + 32 * i), (name, table + 0x100 + i * 16) })
            {
                if (isRelative)
                    BinaryPrimitives.WriteInt32LittleEndian(Bytes[from..], to - from);
                else
                    Put(from, Start + (ulong)to);
            }
        }
    }

    /// <summary>What is inferred of the modules.</summary>
    public InferredLayout Infer(int budget = 1_000_000)
    {
        var location = new KernelLocation(_tables.Mode, _tables.Root, new GuestVirtualAddress(Start), ImageBytes);
        var reader = new KernelReader(_tables.Space(), location, budget);
        byte[][] bodies = [.. Enumerable.Range(0, Count).Select(i => Bytes.Slice(i * ModuleBytes + Descriptor, DescriptorBytes).ToArray())];
        var layout = new LayoutBuilder();
        ModuleSymbolInference.Infer(reader, bodies, [.. Enumerable.Range(0, Count).Select(i => (Start + (ulong)(i * ModuleBytes), (ulong)CodeBytes))], layout);
        ModuleExportInference.Infer(reader, bodies, [.. Enumerable.Range(0, Count).Select(i => (Start + (ulong)(i * ModuleBytes), (ulong)ModuleBytes))], layout);
        return layout.Build();
    }
}
