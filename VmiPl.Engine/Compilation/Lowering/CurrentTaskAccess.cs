using VmiPl.Compilation.Bytecode;
using VmiPl.Compilation.Targets;
using static VmiPl.Compilation.Bytecode.ProgramRegister;

namespace VmiPl.Compilation.Lowering;

/// <summary>Finds the task that runs on the event's vCPU.</summary>
internal static class CurrentTaskAccess
{
    /// <summary>R7 = the address of the current <c>task_struct</c>; goes to <paramref name="failed"/>, with the address that could not be read in R7,
    /// where it cannot be found. Uses the first 8 bytes of the scratch buffer.</summary>
    public static void Load(BodyContext context, CurrentTask current, int failed)
    {
        ProgramBuilder code = context.Code;
        int pointer = context.PointerSize;
        context.Need(8);
        code.Move(R7, current.Variable);
        if (current.Offsets != 0)
        {
            code.Call(Helper.CurrentVcpu);
            code.Move(R7, current.Offsets);
            code.Do(Opcode.Mul, R0, pointer);
            code.Do(Opcode.Add, R7, R0);
            context.ReadKernel(0, pointer, R7, 0, failed);
            code.Load(R7, R6, 0, pointer);
            code.Move(R0, current.Variable);
            code.Do(Opcode.Add, R7, R0);
            context.TakePointer(R7);
        }
        context.ReadKernel(0, pointer, R7, 0, failed);
        code.Load(R7, R6, 0, pointer);
    }
}
