namespace VmiPl.Machines;

/// <summary>The registers of one vCPU at one moment. Values of a running vCPU are from a moment at which QEMU stopped it to
/// look. 16- and 32-bit registers are zero-extended. Immutable, with no live handle inside.</summary>
public sealed record VcpuRegisters
{
    /// <summary>The machine's name.</summary>
    public string Machine { get; init; } = "";
    /// <summary>The vCPU's index, from 0.</summary>
    public int Vcpu { get; init; }
    /// <summary>Whether the vCPU is in 64-bit mode: EFER.LMA and CS.L.</summary>
    public bool Is64Bit { get; init; }
    /// <summary>Current privilege level, 0 (kernel) to 3 (user).</summary>
    public int Cpl { get; init; }
#pragma warning disable CS1591 // the architecture's own names
    public ulong Rax { get; init; }
    public ulong Rbx { get; init; }
    public ulong Rcx { get; init; }
    public ulong Rdx { get; init; }
    public ulong Rsi { get; init; }
    public ulong Rdi { get; init; }
    public ulong Rbp { get; init; }
    public ulong Rsp { get; init; }
    public ulong R8 { get; init; }
    public ulong R9 { get; init; }
    public ulong R10 { get; init; }
    public ulong R11 { get; init; }
    public ulong R12 { get; init; }
    public ulong R13 { get; init; }
    public ulong R14 { get; init; }
    public ulong R15 { get; init; }
    public ulong Rip { get; init; }
    public ulong Rflags { get; init; }
    public ushort Cs { get; init; }
    public ushort Ss { get; init; }
    public ushort Ds { get; init; }
    public ushort Es { get; init; }
    public ushort Fs { get; init; }
    public ushort Gs { get; init; }
    public ulong FsBase { get; init; }
    public ulong GsBase { get; init; }
    public ushort Ldt { get; init; }
    public ushort Tr { get; init; }
    public ulong GdtBase { get; init; }
    public ushort GdtLimit { get; init; }
    public ulong IdtBase { get; init; }
    public ushort IdtLimit { get; init; }
    public ulong Cr0 { get; init; }
    public ulong Cr2 { get; init; }
    public ulong Cr3 { get; init; }
    public ulong Cr4 { get; init; }
    public ulong Efer { get; init; }
#pragma warning restore CS1591
}
