using System.Buffers.Binary;

namespace VmiPl.Machines.Dump;

/// <summary>The NT_PRSTATUS note of one vCPU: Linux's <c>struct elf_prstatus</c> as QEMU writes it (target/i386/arch_dump.c,
/// x86_64_elf_prstatus and x86_elf_prstatus), of which only the process id and the general registers are used.</summary>
internal static class PrStatus
{
    public const int Bytes64 = 336, Bytes32 = 144;
    private const int Pid64 = 32, Registers64 = 112, Pid32 = 24, Registers32 = 72;

    /// <summary>The registers, or null where the size is of neither kind. The processor's mode is not in this note.</summary>
    public static VcpuRegisters? Parse(ReadOnlySpan<byte> note) => note.Length switch
    {
        Bytes64 => Parse64(note[Registers64..]),
        Bytes32 => Parse32(note[Registers32..]),
        _ => null,
    };

    /// <summary>Writes the note of a vCPU into <see cref="Bytes64"/> or <see cref="Bytes32"/> zeroed bytes.</summary>
    public static void Write(Span<byte> note, VcpuRegisters r, bool wide)
    {
        // Debuggers want thread ids to start at 1.
        BinaryPrimitives.WriteInt32LittleEndian(note[(wide ? Pid64 : Pid32)..], r.Vcpu + 1);
        if (wide)
            Write64(note[Registers64..], r);
        else
            Write32(note[Registers32..], r);
    }

    // struct user_regs_struct of x86-64: 27 registers of 8 bytes (arch/x86/include/asm/user_64.h).
    private static VcpuRegisters Parse64(ReadOnlySpan<byte> at) => new()
    {
        R15 = U64(at, 0), R14 = U64(at, 1), R13 = U64(at, 2), R12 = U64(at, 3), Rbp = U64(at, 4), Rbx = U64(at, 5),
        R11 = U64(at, 6), R10 = U64(at, 7), R9 = U64(at, 8), R8 = U64(at, 9), Rax = U64(at, 10), Rcx = U64(at, 11),
        Rdx = U64(at, 12), Rsi = U64(at, 13), Rdi = U64(at, 14), Rip = U64(at, 16), Cs = (ushort)U64(at, 17),
        Rflags = U64(at, 18), Rsp = U64(at, 19), Ss = (ushort)U64(at, 20), FsBase = U64(at, 21), GsBase = U64(at, 22),
        Ds = (ushort)U64(at, 23), Es = (ushort)U64(at, 24), Fs = (ushort)U64(at, 25), Gs = (ushort)U64(at, 26),
        Cpl = (int)U64(at, 17) & 3,
    };

    // struct user_regs_struct of i386 (arch/x86/include/asm/user_32.h).
    private static VcpuRegisters Parse32(ReadOnlySpan<byte> at) => new()
    {
        Rbx = U32(at, 0), Rcx = U32(at, 4), Rdx = U32(at, 8), Rsi = U32(at, 12), Rdi = U32(at, 16), Rbp = U32(at, 20),
        Rax = U32(at, 24), Ds = (ushort)U32(at, 28), Es = (ushort)U32(at, 32), Fs = (ushort)U32(at, 36),
        Gs = (ushort)U32(at, 40), Rip = U32(at, 48), Cs = (ushort)U32(at, 52), Rflags = U32(at, 56), Rsp = U32(at, 60),
        Ss = (ushort)U32(at, 64), Cpl = (int)U32(at, 52) & 3,
    };

    private static void Write64(Span<byte> at, VcpuRegisters r)
    {
        ReadOnlySpan<ulong> values =
        [
            r.R15, r.R14, r.R13, r.R12, r.Rbp, r.Rbx, r.R11, r.R10, r.R9, r.R8, r.Rax, r.Rcx, r.Rdx, r.Rsi, r.Rdi, r.Rax,
            r.Rip, r.Cs, r.Rflags, r.Rsp, r.Ss, r.FsBase, r.GsBase, r.Ds, r.Es, r.Fs, r.Gs,
        ];
        for (int i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(at[(i * 8)..], values[i]);
    }

    private static void Write32(Span<byte> at, VcpuRegisters r)
    {
        ReadOnlySpan<ulong> values =
        [
            r.Rbx, r.Rcx, r.Rdx, r.Rsi, r.Rdi, r.Rbp, r.Rax, r.Ds, r.Es, r.Fs, r.Gs, r.Rax, r.Rip, r.Cs, r.Rflags, r.Rsp, r.Ss,
        ];
        for (int i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(at[(i * 4)..], (uint)values[i]);
    }

    private static ulong U64(ReadOnlySpan<byte> bytes, int index) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[(index * 8)..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
