using VmiPl.Language.Model;
using VmiPl.Machines;
using VmiPl.Memory;

namespace VmiPl.Probes.Interpreter;

/// <summary>A place for programs to run on a guest that stands still: a vCPU's registers and the guest's memory. Keeps what programs ask for; a
/// derived class says what becomes of their records. For one thread.</summary>
public abstract class StoppedVcpu : IProgramHost
{
    private readonly VcpuRegisters _registers;
    private readonly GuestSpaces _spaces;

    /// <summary>Makes a place over physical memory, which it does not own, in a vCPU's paging mode.</summary>
    protected StoppedVcpu(VcpuRegisters registers, IGuestMemory memory, PagingMode mode)
    {
        _registers = registers;
        _spaces = new GuestSpaces(memory);
        _spaces.Enter(mode, registers.Cr3);
    }

    /// <inheritdoc/>
    public int Vcpu => _registers.Vcpu;

    /// <summary>Whether a program has asked for the machine to be paused.</summary>
    public bool IsPauseWanted { get; private set; }

    /// <inheritdoc/>
    public ulong ReadRegister(int register) => (GuestRegister)register switch
    {
        GuestRegister.Rax => _registers.Rax,
        GuestRegister.Rbx => _registers.Rbx,
        GuestRegister.Rcx => _registers.Rcx,
        GuestRegister.Rdx => _registers.Rdx,
        GuestRegister.Rsi => _registers.Rsi,
        GuestRegister.Rdi => _registers.Rdi,
        GuestRegister.Rbp => _registers.Rbp,
        GuestRegister.Rsp => _registers.Rsp,
        GuestRegister.R8 => _registers.R8,
        GuestRegister.R9 => _registers.R9,
        GuestRegister.R10 => _registers.R10,
        GuestRegister.R11 => _registers.R11,
        GuestRegister.R12 => _registers.R12,
        GuestRegister.R13 => _registers.R13,
        GuestRegister.R14 => _registers.R14,
        GuestRegister.R15 => _registers.R15,
        GuestRegister.Rip => _registers.Rip,
        GuestRegister.Rflags => _registers.Rflags,
        GuestRegister.Cs => _registers.Cs,
        GuestRegister.Ss => _registers.Ss,
        GuestRegister.Ds => _registers.Ds,
        GuestRegister.Es => _registers.Es,
        GuestRegister.Fs => _registers.Fs,
        GuestRegister.Gs => _registers.Gs,
        GuestRegister.Tr => _registers.Tr,
        GuestRegister.Ldtr => _registers.Ldt,
        GuestRegister.Gdtr => _registers.GdtBase,
        GuestRegister.Idtr => _registers.IdtBase,
        GuestRegister.Cr0 => _registers.Cr0,
        GuestRegister.Cr2 => _registers.Cr2,
        GuestRegister.Cr3 => _registers.Cr3,
        GuestRegister.Cr4 => _registers.Cr4,
        // CR8 is the task priority, which QEMU's monitor does not show.
        _ => 0,
    };

    /// <inheritdoc/>
    public int ReadVirtual(ulong address, ulong root, Span<byte> buffer) => _spaces[root].Read(new GuestVirtualAddress(address), buffer);

    /// <inheritdoc/>
    public int ReadPhysical(ulong address, Span<byte> buffer) => _spaces.Memory.Read(new GuestPhysicalAddress(address), buffer);

    /// <inheritdoc/>
    public int WriteVirtual(ulong address, ulong root, ReadOnlySpan<byte> bytes) => _spaces[root].Write(new GuestVirtualAddress(address), bytes);

    /// <inheritdoc/>
    public ulong Translate(ulong address, ulong root) =>
        _spaces[root].TryTranslate(new GuestVirtualAddress(address), out Translation translation) ? translation.Physical.Value : ulong.MaxValue;

    /// <inheritdoc/>
    /// <remarks>There was no exit: the machine was stopped by hand.</remarks>
    public virtual bool TryReadExitField(int field, out ulong value)
    {
        value = 0;
        return false;
    }

    /// <inheritdoc/>
    public abstract void Emit(int schema, ReadOnlySpan<byte> record);

    /// <inheritdoc/>
    public void Pause() => IsPauseWanted = true;

    /// <inheritdoc/>
    public virtual void SelectBody(int probe, int body)
    {
    }
}
