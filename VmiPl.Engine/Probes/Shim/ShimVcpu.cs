using VmiPl.Language.Model;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Shim.Abi;
using VmiPl.Probes.Tracking;
using VmiPl.Symbols;

namespace VmiPl.Probes.Shim;

/// <summary>A vCPU that the shim holds at a site of the driver's own.</summary>
internal sealed class ShimVcpu : ITrappedVcpu
{
    private readonly AbiCall _call;
    private readonly AddressSpace _own;

    /// <summary>Takes what the shim tells, and the guest's physical memory.</summary>
    public ShimVcpu(in AbiCall call, IGuestMemory memory)
    {
        _call = call;
        _own = new AddressSpace(memory, RootCandidate.ModeOf(call.Cr0, call.Cr4, call.Efer), new GuestPhysicalAddress(call.Cr3));
    }

    /// <inheritdoc/>
    public ulong InstructionPointer => _call.Rip;

    /// <summary>The vCPU as it stands, for what tells memory accesses.</summary>
    public VcpuMoment Moment => new(_call.Rip, Current, _call.FsBase, _call.GsBase);

    /// <inheritdoc/>
    public ulong Current(GuestRegister register) => register switch
    {
        <= GuestRegister.R15 => _call.Registers[ShimRequests.Number(register)],
        GuestRegister.Rip => _call.Rip,
        GuestRegister.Rflags => _call.Rflags,
        GuestRegister.Cr0 => _call.Cr0,
        GuestRegister.Cr3 => _call.Cr3,
        GuestRegister.Cr4 => _call.Cr4,
        _ => 0,
    };

    /// <inheritdoc/>
    public int ReadVirtual(ulong address, ulong root, Span<byte> buffer) =>
        (root == 0 ? _own : _own.WithRoot(new GuestPhysicalAddress(root))).Read(new GuestVirtualAddress(address), buffer);
}
