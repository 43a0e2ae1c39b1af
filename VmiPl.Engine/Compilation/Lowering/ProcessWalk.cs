using System.Collections.Immutable;
using VmiPl.Compilation.Bytecode;
using VmiPl.Compilation.Records;
using VmiPl.Compilation.Targets;
using VmiPl.Language.Model;
using VmiPl.Linux;
using static VmiPl.Compilation.Bytecode.ProgramRegister;

namespace VmiPl.Compilation.Lowering;

/// <summary>Lowers <c>ProcessList</c>: the walk of <see cref="TaskWalk"/> along the task list, over the same <see cref="TaskLayout"/> and
/// <see cref="PathLayout"/>, with one record for each thread-group leader. A list that leads nowhere, runs in a circle or does not end
/// is told by a last record with a status.</summary>
internal static class ProcessWalk
{
    private static readonly int Count = BodyContext.Slot(0), Tortoise = BodyContext.Slot(1), Power = BodyContext.Slot(2), Steps = BodyContext.Slot(3);

    /// <summary>Writes the walk. The kernel's <see cref="TargetKernel.Tasks"/>, and its <see cref="TargetKernel.Paths"/> where PATH is asked for, are
    /// there, and fit <see cref="ScratchLayout"/>.</summary>
    public static void Write(BodyContext context, int schema, ImmutableArray<ProcessField> fields)
    {
        ProgramBuilder code = context.Code;
        TaskLayout layout = context.Kernel.Tasks!;
        int pointer = context.PointerSize;
        (int first, int end) = Window(layout, pointer);
        int loop = code.NewLabel(), done = code.NewLabel(), report = code.NewLabel();
        int unreadable = code.NewLabel(), circle = code.NewLabel(), cut = code.NewLabel(), next = code.NewLabel();
        context.Need(ScratchLayout.End);

        code.Move(R7, layout.InitTask);
        context.ReadKernel(ScratchLayout.Task, pointer, R7, layout.Tasks, unreadable);
        code.Load(R7, R6, ScratchLayout.Task, pointer);
        context.AddToPointer(R7, -layout.Tasks);
        code.Store(R10, Count, 0, 8);
        code.Store(R10, Tortoise, 0, 8);
        code.Store(R10, Power, 1, 8);
        code.Store(R10, Steps, 0, 8);

        BodyCost before = context.Cost.Sum(0);
        int start = code.Length;
        code.Mark(loop);
        code.Move(R0, layout.InitTask);
        code.JumpIf(Opcode.Jeq, R7, R0, done);
        code.Load(R0, R10, Count, 8);
        code.JumpIf(Opcode.Jge, R0, context.Kernel.Limits.MaxTasks, cut);
        code.Do(Opcode.Add, R0, 1);
        code.Store(R10, Count, R0, 8);
        context.ReadKernel(ScratchLayout.Task, end - first, R7, first, unreadable);
        WriteRecord(context, layout, first, schema, fields);

        // Brent's cycle finding: a second finger waits at powers of two; a list that meets it again runs in a circle.
        code.Load(R0, R10, Steps, 8);
        code.Do(Opcode.Add, R0, 1);
        code.Load(R1, R10, Power, 8);
        code.JumpIf(Opcode.Jne, R0, R1, next);
        code.Store(R10, Tortoise, R7, 8);
        code.Do(Opcode.Lsh, R1, 1);
        code.Store(R10, Power, R1, 8);
        code.Move(R0, 0UL);
        code.Mark(next);
        code.Store(R10, Steps, R0, 8);
        code.Load(R7, R6, ScratchLayout.Task + layout.Tasks - first, pointer);
        context.AddToPointer(R7, -layout.Tasks);
        code.Load(R0, R10, Tortoise, 8);
        code.JumpIf(Opcode.Jne, R7, R0, loop);
        context.Cost.PerProcess(before, code.Length - start);

        code.Mark(circle);
        code.Move(R0, (ulong)RecordStatus.ListCircle);
        code.Jump(report);
        code.Mark(unreadable);
        code.Move(R0, (ulong)RecordStatus.ListUnreadable);
        code.Jump(report);
        code.Mark(cut);
        code.Move(R0, (ulong)RecordStatus.ListCut);
        code.Mark(report);
        for (int at = 0; at < ProcessSchema.TrailerSize; at += 8)
            code.Store(R6, ScratchLayout.Trailer + at, 0, 8);
        code.Store(R6, ScratchLayout.Trailer + ProcessSchema.StatusAt, R0, 4);
        code.Store(R6, ScratchLayout.Trailer + ProcessSchema.TaskAt, R7, 8);
        context.Emit(schema, ScratchLayout.Trailer, ProcessSchema.TrailerSize);
        code.Mark(done);
    }

    /// <summary>What is wrong with a kernel's layout for this walk, in words, or null.</summary>
    public static string? Problem(TargetKernel kernel, ImmutableArray<ProcessField> fields)
    {
        if (kernel.Tasks is null)
            return kernel.TasksProblem;
        (int first, int end) = Window(kernel.Tasks, kernel.PointerSize);
        if (end - first > ScratchLayout.TaskBytes)
            return "The offsets of the members of task_struct are too far apart to be true.";
        if (!fields.Contains(ProcessField.Path))
            return null;
        if (kernel.Paths is not { } paths || kernel.Tasks.ExeFile == TaskLayout.Missing)
            return "The guest's kernel does not tell how the path of a process's file is found.";
        return paths.DentryEnd - paths.DentryFirst > ScratchLayout.DentryBytes ? "The offsets of the members of dentry are too far apart to be true." : null;
    }

    private static void WriteRecord(BodyContext context, TaskLayout layout, int first, int schema, ImmutableArray<ProcessField> fields)
    {
        ProgramBuilder code = context.Code;
        int pointer = context.PointerSize;
        const int Trailer = ScratchLayout.Trailer;
        int Member(int offset) => ScratchLayout.Task + offset - first;
        int emit = code.NewLabel();

        code.Store(R6, Trailer + ProcessSchema.StatusAt, 0, 8);   // and no flags
        code.Store(R6, Trailer + ProcessSchema.PageDirectoryAt, 0, 8);
        code.Load(R0, R6, Member(layout.Tgid == TaskLayout.Missing ? layout.Pid : layout.Tgid), 4);
        code.Store(R6, Trailer + ProcessSchema.ProcessIdAt, R0, 8);
        code.Store(R6, Trailer + ProcessSchema.TaskAt, R7, 8);
        for (int half = 0; half < TaskLayout.CommLength; half += 8)
        {
            code.Load(R0, R6, Member(layout.Comm) + half, 8);
            code.Store(R6, Trailer + ProcessSchema.NameAt + half, R0, 8);
        }
        code.Move(R9, 0UL);   // bytes of path
        if (fields.Contains(ProcessField.Path) || fields.Contains(ProcessField.PageDirectory))
        {
            // Kernel threads may borrow a process's memory (kthread_use_mm): it is not theirs.
            code.Load(R8, R6, Member(layout.Mm), pointer);
            code.JumpIf(Opcode.Jeq, R8, 0, emit);
            if (layout.Flags != TaskLayout.Missing)
            {
                code.Load(R0, R6, Member(layout.Flags), 4);
                code.JumpIf(Opcode.Jset, R0, (int)TaskLayout.KernelThreadFlag, emit);
            }
            if (fields.Contains(ProcessField.PageDirectory))
                WritePageDirectory(context, layout);
            if (fields.Contains(ProcessField.Path))
                WritePath(context, layout);
        }
        code.Mark(emit);
        // The record begins where the path does.
        code.Move(R3, R9);
        code.Do(Opcode.Add, R3, ProcessSchema.TrailerSize);
        code.Move(R1, (ulong)schema);
        context.ScratchTo(R2, Trailer);
        code.Do(Opcode.Sub, R2, R9);
        code.Call(Helper.Emit);
        context.Cost.Record(ProcessSchema.TrailerSize + ScratchLayout.PathBytes);
    }

    private static void WritePageDirectory(BodyContext context, TaskLayout layout)
    {
        ProgramBuilder code = context.Code;
        int failed = code.NewLabel(), done = code.NewLabel();
        context.ReadKernel(ScratchLayout.Dentry, context.PointerSize, R8, layout.Pgd, failed);
        code.Load(R1, R6, ScratchLayout.Dentry, context.PointerSize);
        code.Move(R2, context.Kernel.Root);
        code.Call(Helper.Translate);
        context.Cost.Access(0);
        code.JumpIf(Opcode.Jeq, R0, -1, failed);
        code.Store(R6, ScratchLayout.Trailer + ProcessSchema.PageDirectoryAt, R0, 8);
        AddFlags(code, ProcessFlags.HasPageDirectory);
        code.Jump(done);
        code.Mark(failed);
        AddFlags(code, ProcessFlags.PageDirectoryUnreadable);
        code.Mark(done);
    }

    private static void WritePath(BodyContext context, TaskLayout layout)
    {
        ProgramBuilder code = context.Code;
        int failed = code.NewLabel(), done = code.NewLabel();
        context.ReadKernel(ScratchLayout.Dentry, context.PointerSize, R8, layout.ExeFile, done);
        code.Load(R1, R6, ScratchLayout.Dentry, context.PointerSize);
        code.JumpIf(Opcode.Jeq, R1, 0, done);
        code.Move(R2, R6);
        code.CallLocal(context.PathFunction);
        code.JumpIf(Opcode.Jslt, R0, 0, failed);
        code.Move(R9, R0);
        code.Do(Opcode.Rsh, R9, 1);
        // The lowest bit says deleted.
        code.Do(Opcode.And, R0, 1);
        code.Do(Opcode.Lsh, R0, 1);
        code.Do(Opcode.Or, R0, (int)ProcessFlags.HasPath);
        code.Load(R1, R6, ScratchLayout.Trailer + ProcessSchema.FlagsAt, 4);
        code.Do(Opcode.Or, R1, R0);
        code.Store(R6, ScratchLayout.Trailer + ProcessSchema.FlagsAt, R1, 4);
        code.Jump(done);
        code.Mark(failed);
        AddFlags(code, ProcessFlags.PathUnreadable);
        code.Mark(done);
    }

    private static void AddFlags(ProgramBuilder code, ProcessFlags flags)
    {
        code.Load(R0, R6, ScratchLayout.Trailer + ProcessSchema.FlagsAt, 4);
        code.Do(Opcode.Or, R0, (int)flags);
        code.Store(R6, ScratchLayout.Trailer + ProcessSchema.FlagsAt, R0, 4);
    }

    /// <summary>First and last byte (exclusive) of a task that the walk looks at.</summary>
    private static (int First, int End) Window(TaskLayout layout, int pointer) => TaskLayout.Window(
    [
        (layout.Tasks, pointer), (layout.Pid, 4), (layout.Tgid, 4), (layout.Comm, TaskLayout.CommLength), (layout.Mm, pointer), (layout.Flags, 4),
    ]);
}
