using VmiPl.Language.Model;

namespace VmiPl.Probes.Tracking;

/// <summary>A vCPU that stands at a trap of a driver's own. For the thread and the time of one call.</summary>
internal interface ITrappedVcpu
{
    /// <summary>The instruction pointer.</summary>
    ulong InstructionPointer { get; }

    /// <summary>A general register's value, as it is before the instruction at hand.</summary>
    ulong Current(GuestRegister register);

    /// <summary>Reads guest-virtual memory through that CR3 value, or the vCPU's own where it is 0. The number of bytes read before the first unreadable
    /// one.</summary>
    int ReadVirtual(ulong address, ulong root, Span<byte> buffer);
}
