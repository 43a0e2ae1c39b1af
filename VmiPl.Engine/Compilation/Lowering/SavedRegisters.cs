using VmiPl.Compilation.Bytecode;
using VmiPl.Language.Model;
using static VmiPl.Compilation.Bytecode.ProgramRegister;

namespace VmiPl.Compilation.Lowering;

/// <summary>The registers that a program had when it made a system call, from the <c>struct pt_regs</c> that the kernel's entry code has saved
/// and hands to the function behind it (arch/x86/include/asm/ptrace.h; the order is that of the user ABI <c>struct user_regs_struct</c>
/// and does not change). The accumulator is the number of the call (<c>orig_ax</c>), as the entry code has put an error into <c>ax</c>.</summary>
internal static class SavedRegisters
{
    private static readonly Dictionary<GuestRegister, int> Words64 = new()
    {
        [GuestRegister.R15] = 0, [GuestRegister.R14] = 1, [GuestRegister.R13] = 2, [GuestRegister.R12] = 3, [GuestRegister.Rbp] = 4, [GuestRegister.Rbx] = 5,
        [GuestRegister.R11] = 6, [GuestRegister.R10] = 7, [GuestRegister.R9] = 8, [GuestRegister.R8] = 9, [GuestRegister.Rcx] = 11, [GuestRegister.Rdx] = 12,
        [GuestRegister.Rsi] = 13, [GuestRegister.Rdi] = 14, [GuestRegister.Rax] = 15, [GuestRegister.Rip] = 16, [GuestRegister.Cs] = 17,
        [GuestRegister.Rflags] = 18, [GuestRegister.Rsp] = 19, [GuestRegister.Ss] = 20,
    };

    private static readonly Dictionary<GuestRegister, int> Words32 = new()
    {
        [GuestRegister.Rbx] = 0, [GuestRegister.Rcx] = 1, [GuestRegister.Rdx] = 2, [GuestRegister.Rsi] = 3, [GuestRegister.Rdi] = 4, [GuestRegister.Rbp] = 5,
        [GuestRegister.Ds] = 7, [GuestRegister.Es] = 8, [GuestRegister.Fs] = 9, [GuestRegister.Rax] = 11, [GuestRegister.Rip] = 12, [GuestRegister.Cs] = 13,
        [GuestRegister.Rflags] = 14, [GuestRegister.Rsp] = 15, [GuestRegister.Ss] = 16,
    };

    /// <summary>The offset of a register from the frame's end once <see cref="Load"/> has run, or null where the kernel saves no such register.</summary>
    public static int? SlotOf(GuestRegister register, int pointerSize) =>
        (pointerSize == 8 ? Words64 : Words32).TryGetValue(register, out int word) ? word * pointerSize - BodyContext.SavedBytes : null;

    /// <summary>Bytes of a register as it is saved: a selector has 16 bits, what lies beside it is no part of it.</summary>
    public static int SizeOf(GuestRegister register, int pointerSize) =>
        register is >= GuestRegister.Cs and <= GuestRegister.Gs ? 2 : pointerSize;

    /// <summary>Reads the whole structure into the frame; where that fails, hands out a failure and ends the program. Leaves nothing in
    /// registers.</summary>
    public static void Load(BodyContext context, int failureSchema)
    {
        ProgramBuilder code = context.Code;
        int size = (context.PointerSize == 8 ? 21 : 17) * context.PointerSize;
        int read = code.NewLabel();
        // The structure's address is the function's first argument: RDI, or EAX in a 32-bit kernel. Up to Linux 5.12 the dispatching
        // function has the number first and the structure second, and a number is no kernel address.
        code.ReadRegister(context.PointerSize == 8 ? GuestRegister.Rdi : GuestRegister.Rax);
        code.Move(R7, R0);
        if (context.PointerSize == 8)
        {
            int found = code.NewLabel();
            code.JumpIf(Opcode.Jslt, R7, 0, found);
            code.ReadRegister(GuestRegister.Rsi);
            code.Move(R7, R0);
            code.Mark(found);
        }
        context.TakePointer(R7);
        code.Move(R1, R10);
        code.Do(Opcode.Add, R1, -BodyContext.SavedBytes);
        code.Move(R2, (ulong)size);
        code.Move(R3, R7);
        code.Move(R4, context.Kernel.Root);
        code.Call(Helper.ReadVirtual);
        context.Cost.Access(size);
        code.JumpIf(Opcode.Jeq, R0, size, read);
        FailureRecord.Emit(context, failureSchema, Records.RecordStatus.Unreadable, size);
        code.Exit();
        code.Mark(read);
    }
}
