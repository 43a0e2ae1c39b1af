using System.Buffers.Binary;
using VmiPl.Errors;
using VmiPl.Linux.Syscalls;
using VmiPl.Memory;
using VmiPl.Symbols;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Linux.Syscalls;

/// <summary>A kernel of a few pages in which a test writes dispatchers and tables byte by byte.</summary>
internal sealed class SyntheticSyscalls
{
    public const ulong Image = 0xFFFF_FFFF_8100_0000, Handlers = Image + 0x1_0000, Code = Image + 0x2_0000, Table = Image + 0x4_0000;
    private const int ImagePhysical = 0x10_0000, ImageBytes = 0x10_0000;
    private readonly byte[] _memory = new byte[ImagePhysical + ImageBytes];
    private readonly PageTableBuilder _tables;
    private readonly List<VmiSymbol> _symbols = [];

    public SyntheticSyscalls()
    {
        _tables = new PageTableBuilder(_memory, PagingMode.FourLevel, 0x1000);
        _tables.MapRun(Image, ImagePhysical, ImageBytes, PageRights.Writable);
    }

    /// <summary>Adds a handler's symbol; gives its address.</summary>
    public ulong Handler(string symbol, char type = 'T')
    {
        ulong address = Handlers + 0x40 * (ulong)_symbols.Count;
        _symbols.Add(new VmiSymbol(symbol, address, type, null));
        return address;
    }

    public void Symbol(string name, ulong address) => _symbols.Add(new VmiSymbol(name, address, 'T', null));

    public Span<byte> At(ulong address) => _memory.AsSpan((int)(address - Image) + ImagePhysical);

    public void Put(ulong address, params ReadOnlySpan<byte> bytes) => bytes.CopyTo(At(address));

    public void PutSlots(ulong address, params ReadOnlySpan<ulong> slots)
    {
        for (int i = 0; i < slots.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(At(address + 8 * (ulong)i), slots[i]);
    }

    /// <summary>Writes <c>cmp $number,%esi; je handler</c>; gives the address behind it.</summary>
    public ulong PutCase(ulong address, int number, ulong handler)
    {
        Put(address, 0x81, 0xFE);
        BinaryPrimitives.WriteInt32LittleEndian(At(address + 2), number);
        // A conditional jump never leaves the function in real ones: it goes to a jump of its own, 2 bytes on here.
        Put(address + 6, 0x75, 0x05, 0xE9);
        PutDistance(address + 8, handler);
        return address + 13;
    }

    /// <summary>Writes <c>jmp target</c>.</summary>
    public void PutJump(ulong address, ulong target)
    {
        Put(address, 0xE9);
        PutDistance(address, target);
    }

    public SyscallTable Read(SyscallAbi abi, VmiLimits? limits = null)
    {
        var location = new KernelLocation(PagingMode.FourLevel, _tables.Root, new GuestVirtualAddress(Image), ImageBytes);
        var profile = new KernelProfile("0.0-synthetic", null, location, new ListedSymbols(_symbols), null);
        return SyscallTable.Read(profile, location.OpenSpace(new ArrayMemory(_memory)), abi, limits);
    }

    private void PutDistance(ulong address, ulong target) =>
        BinaryPrimitives.WriteInt32LittleEndian(At(address + 1), (int)(long)(target - address - 5));
}
