using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Probes.Placement;
using VmiPl.Symbols;
using VmiPl.Tests.Linux.Syscalls;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.Placement;

/// <summary>A kernel of 16 pages of code that a test writes byte by byte.</summary>
internal sealed class SyntheticText
{
    public const int Bytes = 0x1_0000, Physical = 0x10_0000;
    private readonly PagingMode _mode;
    private readonly List<VmiSymbol> _symbols = [];

    public SyntheticText(PagingMode mode = PagingMode.FourLevel)
    {
        _mode = mode;
        Image = mode is PagingMode.FourLevel or PagingMode.FiveLevel ? 0xFFFF_FFFF_8100_0000 : 0xC100_0000;
        Tables = new PageTableBuilder(Memory, mode, 0x1000);
        Tables.MapRun(Image, Physical, Bytes, PageRights.Writable);
        Memory.AsSpan(Physical, Bytes).Fill(0x90);
        Symbol("_text", Image);
    }

    public byte[] Memory { get; } = new byte[0x20_0000];

    public PageTableBuilder Tables { get; }

    public ulong Image { get; }

    public void Symbol(string name, ulong address, char type = 'T') => _symbols.Add(new VmiSymbol(name, address, type, null));

    /// <summary>Writes a function at an offset of the image; gives its address.</summary>
    public ulong Function(string name, int offset, params ReadOnlySpan<byte> code)
    {
        code.CopyTo(Memory.AsSpan(Physical + offset));
        Symbol(name, Image + (ulong)offset);
        return Image + (ulong)offset;
    }

    public LinuxGuest Open(VmiLimits? limits = null, ISymbolTable? symbols = null)
    {
        var memory = new ArrayMemory(Memory);
        var location = new KernelLocation(_mode, Tables.Root, new GuestVirtualAddress(Image), Bytes);
        var profile = new KernelProfile("0.0-synthetic", null, location, symbols ?? new ListedSymbols(_symbols), null);
        return new LinuxGuest(new VmiMachine("synthetic", _ => memory, _ => null, limits), profile);
    }

    public InstructionSearch Find(PrivilegedWrite kinds = PrivilegedWrite.All) => PrivilegedInstructions.Find(Open(), kinds, TestContext.Current.CancellationToken);
}
