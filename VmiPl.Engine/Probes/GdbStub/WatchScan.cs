using VmiPl.Linux;
using VmiPl.Memory;
using VmiPl.Probes.Placement;
using VmiPl.Symbols;

namespace VmiPl.Probes.GdbStub;

/// <summary>Finds out which vCPUs have touched what is watched. QEMU tells of one vCPU where several have met a watchpoint at once, and forgets it where
/// somebody stops the machine at that moment; the others' hits show later, or mixed up with what they do next (<c>gdb_set_stop_cpu</c>,
/// <c>cpu-&gt;watchpoint_hit</c>). But each of them stands right behind the access, and that can be seen. For the driver's thread.</summary>
internal sealed class WatchScan(LinuxGuest guest, StubVcpu vcpu)
{
    // Longer functions are rare, and decoding them at each hit would hold the guest.
    private const int MaxFunctionBytes = 64 * 1024;

    private readonly Dictionary<int, ulong[]> _seen = [];
    private readonly byte[] _code = new byte[MaxFunctionBytes];
    private ISymbolTable? _symbols;

    /// <summary>Whether the vCPU at hand has just touched what a point watches; null where that cannot be told.</summary>
    public bool? HasTouched(TrapPoint point, MemoryTouch touch)
    {
        ulong rip = vcpu.InstructionPointer;
        _symbols ??= guest.Symbols();
        if (rip == 0 || _symbols.FindNearest(new GuestVirtualAddress(rip - 1)) is not { } function || rip - function.Address > MaxFunctionBytes)
            return null;
        Span<byte> code = _code.AsSpan(0, (int)(rip - function.Address));
        if (vcpu.ReadVirtual(function.Address, guest.Profile.Location.Root.Value, code) < code.Length)
            return null;
        CodeMode mode = guest.Profile.PointerSize == 8 ? CodeMode.Bits64 : CodeMode.Bits32;
        (ulong fs, ulong gs) = vcpu.SegmentBases;
        return MemoryAccesses.Touched(code, function.Address, mode, new VcpuMoment(rip, vcpu.Current, fs, gs), point.Place.Address, point.Length, touch);
    }

    /// <summary>The vCPU at hand was dealt with as it stands.</summary>
    public void Remember() => _seen[vcpu.Vcpu] = vcpu.Snapshot();

    /// <summary>Whether the vCPU at hand has done anything since it was dealt with.</summary>
    public bool HasMoved() => !_seen.TryGetValue(vcpu.Vcpu, out ulong[]? before) || !before.AsSpan().SequenceEqual(vcpu.Snapshot());

    /// <summary>Modules have come or gone.</summary>
    public void Forget() => _symbols = null;
}
