namespace VmiPl.Probes.Interpreter;

/// <summary>What a program's helpers ask of the place where it runs: one stopped vCPU and what is around it. Spans are of program
/// memory and hold for the call only. Called on the thread that runs the program; a call must not run the same interpreter again.
/// An exception of a host passes through the run, which then has no result.</summary>
public interface IProgramHost
{
    /// <summary>Index of the vCPU that the event happened on, from 0.</summary>
    int Vcpu { get; }

    /// <summary>A register's value, zero-extended; asked only for ids in the program's <c>Registers</c>.</summary>
    ulong ReadRegister(int register);

    /// <summary>Reads guest-virtual memory through that CR3 value, or the vCPU's own where it is 0. The number of bytes read
    /// before the first unreadable one.</summary>
    int ReadVirtual(ulong address, ulong root, Span<byte> buffer);

    /// <summary>Reads guest-physical memory. The number of bytes read before the first unreadable one.</summary>
    int ReadPhysical(ulong address, Span<byte> buffer);

    /// <summary>Writes guest-virtual memory. The number of bytes written before the first unwritable one.</summary>
    int WriteVirtual(ulong address, ulong root, ReadOnlySpan<byte> bytes);

    /// <summary>The guest-physical address, or <see cref="ulong.MaxValue"/> where that address is not mapped.</summary>
    ulong Translate(ulong address, ulong root);

    /// <summary>A field of the exit's record (<see cref="Compilation.Bytecode.ExitField"/>); false where this exit does not carry
    /// it, or there is no such field.</summary>
    bool TryReadExitField(int field, out ulong value);

    /// <summary>Hands out a record; the schema is one that the program was loaded with.</summary>
    void Emit(int schema, ReadOnlySpan<byte> record);

    /// <summary>The virtual machine is to be paused once the event has been dealt with.</summary>
    void Pause();

    /// <summary>From the next event on that event probe runs its body of that number. Numbers that mean nothing here are passed
    /// over.</summary>
    void SelectBody(int probe, int body);
}
