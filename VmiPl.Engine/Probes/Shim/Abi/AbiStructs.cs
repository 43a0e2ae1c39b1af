using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VmiPl.Probes.Shim.Abi;

#pragma warning disable CS0649, CS0169, IDE0051 // set by copying bytes; unused ones hold a place

/// <summary>The head of every message: <c>struct vmi_message</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiMessage
{
    public uint Size, Type, Sequence;
    public int Status;
}

/// <summary><c>struct vmi_hello</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiHello
{
    public ulong Magic;
    public uint Abi;
    public AbiPolicy Policy;
    public uint RingBytes, HoldMs, AnswerMs, Unused;
}

/// <summary><c>struct vmi_welcome</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiWelcome
{
    public ulong Magic;
    public uint Abi;
    public AbiAbility Abilities;
    public uint Vcpus, Process;
}

/// <summary><c>struct vmi_range</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiRange
{
    public ulong Physical, Bytes, Host;
}

/// <summary><c>struct vmi_thread</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiThread
{
    public uint Vcpu, Thread;
}

/// <summary><c>struct vmi_number</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiNumber
{
    public uint Number, Unused;
}

/// <summary><c>struct vmi_load</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiLoad
{
    public uint ScratchBytes, Budget, Schemas, Words;
    public ulong Registers;
}

/// <summary><c>struct vmi_apply</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiApply
{
    public uint Probes, Bodies, Sites, Uses;
}

/// <summary><c>struct vmi_probe</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiProbe
{
    public uint Id;
    public AbiProbeFlag Flags;
    public uint FirstBody, Bodies, Body, Unused;
}

/// <summary><c>struct vmi_body</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiBody
{
    public uint Program, IsEmpty;
}

/// <summary>The bytes of an instruction, <see cref="AbiNumbers.MaxInstruction"/> at most, with zeros behind.</summary>
[InlineArray(AbiNumbers.MaxInstruction)]
internal struct AbiBytes
{
    private byte _first;

    /// <summary>Takes at most <see cref="AbiNumbers.MaxInstruction"/> bytes.</summary>
    public static AbiBytes Of(ReadOnlySpan<byte> bytes)
    {
        AbiBytes result = default;
        bytes.CopyTo(result);
        return result;
    }

    /// <summary>The first bytes.</summary>
    public readonly byte[] First(int length) => ((ReadOnlySpan<byte>)this)[..length].ToArray();
}

/// <summary><c>struct vmi_site</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiSite
{
    public ulong Address, Physical, Cave, CavePhysical;
    public uint Id, FirstUse, Uses;
    public AbiTrap Trap;
    public byte Length;
    public AbiResume Resume;
    public byte Source, Target, Width, Port, CaveLength;
    public int Displacement, Shown;
    public AbiSiteFlag Flags;
    public uint Bytes, Pushed;
    public AbiBytes Original, Copy, CaveOriginal;
}

/// <summary><c>struct vmi_use</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 24)]
internal struct AbiUse
{
    [FieldOffset(0)] public uint Probe;
    [FieldOffset(4)] public AbiUseFlag Flags;
    [FieldOffset(8)] public uint Msr;
    [FieldOffset(12)] public uint Shown;
    [FieldOffset(16)] public AbiWrite Write;
    [FieldOffset(17)] public byte Source;
    [FieldOffset(18)] public byte Width;
}

/// <summary><c>struct vmi_run</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiRun
{
    public uint Probe, Vcpu;
}

/// <summary><c>struct vmi_pause</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiPause
{
    public uint Vcpu, Probe, Number, Unused;
}

/// <summary>The sixteen general registers by the architecture's numbers.</summary>
[InlineArray(16)]
internal struct AbiRegisters
{
    private ulong _first;
}

/// <summary><c>struct vmi_call</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiCall
{
    public uint Vcpu, Site, Number, Unused;
    public AbiRegisters Registers;
    public ulong Rip, Rflags, Cr0, Cr3, Cr4, Efer, FsBase, GsBase;
}

/// <summary><c>struct vmi_continue</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiContinue
{
    public uint Vcpu;
    public AbiAnswer Answer;
    public uint Number, Unused;
}

/// <summary><c>struct vmi_ring</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 192)]
internal struct AbiRing
{
    public const int HeadAt = 64, TailAt = 128, WaitingAt = 136;

    [FieldOffset(0)] public ulong Magic;
    [FieldOffset(8)] public uint Abi;
    [FieldOffset(12)] public uint CountersAt;
    [FieldOffset(16)] public uint RingAt;
    [FieldOffset(20)] public uint RingBytes;
    [FieldOffset(HeadAt)] public ulong Head;
    [FieldOffset(TailAt)] public ulong Tail;
    [FieldOffset(WaitingAt)] public uint Waiting;
}

/// <summary><c>struct vmi_counters</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct AbiCounters
{
    [FieldOffset(0)] public ulong Hits;
    [FieldOffset(8)] public ulong Filtered;
    [FieldOffset(16)] public ulong Records;
    [FieldOffset(24)] public ulong Lost;
    [FieldOffset(32)] public ulong Held;
    [FieldOffset(40)] public uint Body;
}

/// <summary><c>struct vmi_record</c>.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AbiRecord
{
    public uint State, Size;
    public AbiRecordKind Kind;
    public ushort Vcpu;
    public uint Probe;
    public ulong Time, Sequence;
    public uint Schema, Bytes;
}
