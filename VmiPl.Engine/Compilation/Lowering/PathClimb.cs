using VmiPl.Compilation.Bytecode;
using VmiPl.Compilation.Targets;
using VmiPl.Linux;
using static VmiPl.Compilation.Bytecode.ProgramRegister;

namespace VmiPl.Compilation.Lowering;

/// <summary>The program-local function that reads the path of a <c>struct file</c> backwards into the path buffer: the same climb, over the same
/// <see cref="PathLayout"/>, as <see cref="PathReader"/>'s.
/// <para>Takes r1 = the file's address, r2 = the scratch buffer; gives r0 = twice the path's length, plus 1 for a deleted file, or −1
/// where it cannot be read to its root.</para></summary>
internal static class PathClimb
{
    private const int Components = -8, Deleted = -16, Name = -24, Parent = -32;

    /// <summary>Writes the function, whose label is the context's.</summary>
    public static void Write(BodyContext context, PathLayout layout)
    {
        ProgramBuilder code = context.Code;
        TargetKernel kernel = context.Kernel;
        int pointer = layout.PointerSize;
        int loop = code.NewLabel(), failed = code.NewLabel(), finish = code.NewLabel(), climb = code.NewLabel();
        int dentry = ScratchLayout.Dentry;

        code.Mark(context.PathFunction);
        code.Move(R6, R2);
        code.Move(R9, R1);
        ReadPointer(layout.FileMount, R9);
        code.Load(R7, R6, dentry, pointer);
        context.AddToPointer(R7, -layout.MountSelf);
        ReadPointer(layout.FileDentry, R9);
        code.Load(R8, R6, dentry, pointer);
        context.ScratchTo(R9, ScratchLayout.PathEnd);
        code.Store(R10, Components, 0, 8);
        code.Store(R10, Deleted, 0, 8);

        // R7 mount, R8 dentry, R9 where the path begins so far.
        code.Mark(loop);
        code.Load(R1, R10, Components, 8);
        code.JumpIf(Opcode.Jge, R1, kernel.Limits.MaxPathComponents, failed);
        code.Do(Opcode.Add, R1, 1);
        code.Store(R10, Components, R1, 8);
        ReadPointer(layout.MountSelf + layout.MountRoot, R7);
        code.Load(R1, R6, dentry, pointer);
        code.JumpIf(Opcode.Jne, R1, R8, climb);

        // At a mount's root: on at the mount point, unless the mount is its own parent.
        ReadPointer(layout.MountParent, R7);
        code.Load(R1, R6, dentry, pointer);
        code.JumpIf(Opcode.Jeq, R1, R7, finish);
        code.Store(R10, Parent, R1, 8);
        ReadPointer(layout.MountPoint, R7);
        code.Load(R8, R6, dentry, pointer);
        code.Load(R7, R10, Parent, 8);
        code.Jump(loop);

        code.Mark(climb);
        int first = layout.DentryFirst;
        context.ReadKernel(dentry, layout.DentryEnd - first, R8, first, failed);
        code.Load(R1, R6, dentry + layout.Parent - first, pointer);
        code.Store(R10, Parent, R1, 8);
        code.Load(R3, R6, dentry + layout.Name - first, pointer);
        int named = code.NewLabel(), inside = code.NewLabel();
        code.Load(R1, R10, Components, 8);
        code.JumpIf(Opcode.Jne, R1, 1, named);
        // The file itself: deleted where nothing points to its dentry (hlist_bl_unhashed(): no pprev).
        code.Load(R1, R6, dentry + layout.Hash + pointer - first, pointer);
        code.JumpIf(Opcode.Jne, R1, 0, named);
        code.Store(R10, Deleted, 1, 8);
        code.Mark(named);
        context.ScratchTo(R1, ScratchLayout.Name);
        code.Move(R2, PathLayout.MaxName);
        code.Move(R4, kernel.Root);
        code.Call(Helper.ReadString);
        context.Cost.Access(PathLayout.MaxName);
        code.JumpIf(Opcode.Jslt, R0, 0, failed);
        Prepend(context, failed);

        code.Load(R1, R10, Parent, 8);
        code.JumpIf(Opcode.Jne, R1, R8, inside);
        // A root that is no mount's root: a file that never had a directory, such as a memfd (simple_dname()).
        code.Load(R1, R10, Components, 8);
        code.JumpIf(Opcode.Jne, R1, 1, failed);
        code.Store(R10, Deleted, 1, 8);
        code.Jump(finish);
        code.Mark(inside);
        code.Move(R8, R1);
        code.Jump(loop);

        code.Mark(finish);
        context.ScratchTo(R0, ScratchLayout.PathEnd);
        code.Do(Opcode.Sub, R0, R9);
        code.Do(Opcode.Lsh, R0, 1);
        code.Load(R1, R10, Deleted, 8);
        code.Do(Opcode.Or, R0, R1);
        code.Exit();
        code.Mark(failed);
        code.Move(R0, ulong.MaxValue);
        code.Exit();

        void ReadPointer(int offset, ProgramRegister address) => context.ReadKernel(dentry, pointer, address, offset, failed);
    }

    /// <summary>Puts "/" and the r0 bytes of the name buffer before what is there already. Copies words of 8 bytes from the end on: what the last one
    /// brings too much lies in front of the path, where the next component or nothing at all comes.</summary>
    private static void Prepend(BodyContext context, int failed)
    {
        ProgramBuilder code = context.Code;
        int copy = code.NewLabel(), copied = code.NewLabel();
        // R1 = where the name will begin.
        code.Move(R1, R9);
        code.Do(Opcode.Sub, R1, R0);
        context.ScratchTo(R2, ScratchLayout.Path + 1);
        code.JumpIf(Opcode.Jlt, R1, R2, failed);
        // R2 = source's end, R3 = target's end, R4 = bytes left.
        context.ScratchTo(R2, ScratchLayout.Name);
        code.Do(Opcode.Add, R2, R0);
        code.Move(R3, R9);
        code.Move(R4, R0);
        code.Mark(copy);
        code.JumpIf(Opcode.Jsle, R4, 0, copied);
        code.Load(R5, R2, -8, 8);
        code.Store(R3, -8, R5, 8);
        code.Do(Opcode.Sub, R2, 8);
        code.Do(Opcode.Sub, R3, 8);
        code.Do(Opcode.Sub, R4, 8);
        code.Jump(copy);
        code.Mark(copied);
        code.Do(Opcode.Sub, R1, 1);
        code.Store(R1, 0, '/', 1);
        code.Move(R9, R1);
    }
}
