using VmiPl.Commands.Arguments;
using VmiPl.Machines;
using VmiPl.Memory;

namespace VmiPl.Commands.Memory;

/// <summary>One command's way to one machine's memory: physical, the kernel's space or a process's. Opened afresh for each
/// command, so that no translation is older than the command.</summary>
internal sealed class MemoryView
{
    private readonly IGuestMemory? _physical;
    private readonly AddressSpace? _space;

    /// <summary>Opens physical memory.</summary>
    public MemoryView(VmiMachine machine, AddressArgument address)
    {
        Machine = machine;
        Kind = AddressKind.Physical;
        _physical = machine.GetMemory();
        Address = address.ToNumber();
    }

    /// <summary>Opens the kernel's space, or a process's. Throws <c>KernelNotFound</c>, <c>ProcessNotFound</c>,
    /// <c>SymbolNotFound</c> and what reading throws.</summary>
    public MemoryView(VmiMachine machine, AddressArgument address, int? processId)
    {
        Machine = machine;
        Kind = AddressKind.Virtual;
        ProcessId = processId;
        _space = EngineAccess.OpenSpace(EngineAccess.GuestOf(machine), processId);
        Address = address.Resolve(() => EngineAccess.GuestOf(machine));
    }

    public VmiMachine Machine { get; }
    public AddressKind Kind { get; }
    public int? ProcessId { get; }

    /// <summary>The address asked for.</summary>
    public ulong Address { get; }

    /// <summary>The space in words, for messages.</summary>
    public string Space => Kind == AddressKind.Physical ? "physical memory"
        : ProcessId is int id ? $"the address space of process {id}" : "the kernel's address space";

    /// <summary>Reads from an address on; the number of bytes that could be read.</summary>
    public int Read(ulong address, Span<byte> buffer) => _physical is not null
        ? _physical.Read(new GuestPhysicalAddress(address), buffer)
        : _space!.Read(new GuestVirtualAddress(address), buffer);

    /// <summary>Writes from the address on; the number of bytes written.</summary>
    public int Write(ReadOnlySpan<byte> bytes) => _physical is not null
        ? _physical.Write(new GuestPhysicalAddress(Address), bytes)
        : _space!.Write(new GuestVirtualAddress(Address), bytes);
}
