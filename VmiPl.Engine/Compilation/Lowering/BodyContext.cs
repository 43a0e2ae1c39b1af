using VmiPl.Compilation.Bytecode;
using VmiPl.Compilation.Targets;
using VmiPl.Language.Model;
using static VmiPl.Compilation.Bytecode.ProgramRegister;

namespace VmiPl.Compilation.Lowering;

/// <summary>One program in the making, and the few instruction sequences that everything is made of. R6 holds the scratch buffer's address
/// throughout; R7 to R9 belong to whatever statement is being lowered; the rest is lost with every call.</summary>
internal sealed class BodyContext(TargetKernel kernel, EventProbe probe, SchemaTable schemas)
{
    /// <summary>Bytes of the frame below its end that belong to <see cref="SavedRegisters"/>; a statement's slots lie below.</summary>
    public const int SavedBytes = 168;

    private int _functionLabel = -1;
    private int _scratch;

    public ProgramBuilder Code { get; } = new();
    public TargetKernel Kernel => kernel;
    public EventProbe Probe => probe;
    public SchemaTable Schemas => schemas;
    public CostCounter Cost { get; } = new();
    public int PointerSize => kernel.PointerSize;

    /// <summary>Bytes of scratch buffer that the program needs.</summary>
    public int ScratchBytes => _scratch;

    /// <summary>The label of the program's path function, which is written behind the body where it is asked for.</summary>
    public int PathFunction => _functionLabel >= 0 ? _functionLabel : _functionLabel = Code.NewLabel();

    public bool NeedsPathFunction => _functionLabel >= 0;

    /// <summary>The offset from a frame's end of a statement's own 8-byte slot.</summary>
    public static int Slot(int index) => -SavedBytes - 8 * (index + 1);

    /// <summary>Makes sure of that many bytes of scratch buffer.</summary>
    public void Need(int scratchBytes) => _scratch = Math.Max(_scratch, scratchBytes);

    /// <summary>Cuts a register to a guest pointer's size.</summary>
    public void TakePointer(ProgramRegister register)
    {
        if (PointerSize == 4)
            Code.TakeLowerHalf(register);
    }

    /// <summary>Adds to an address as the guest would: modulo its pointer's size.</summary>
    public void AddToPointer(ProgramRegister register, long value)
    {
        if (value == 0)
            return;
        if (value == (int)value)
        {
            Code.Do(Opcode.Add, register, (int)value);
        }
        else
        {
            Code.Move(R0, (ulong)value);
            Code.Do(Opcode.Add, register, R0);
        }
        TakePointer(register);
    }

    /// <summary>R1 = the scratch buffer's address plus an offset.</summary>
    public void ScratchTo(ProgramRegister register, int offset, ProgramRegister scratch = R6)
    {
        Code.Move(register, scratch);
        if (offset != 0)
            Code.Do(Opcode.Add, register, offset);
    }

    /// <summary>Reads kernel memory at <paramref name="address"/> plus an offset into the scratch buffer; goes to <paramref name="failed"/> where not
    /// all of it can be read.</summary>
    public void ReadKernel(int scratchOffset, int size, ProgramRegister address, int offset, int failed, ProgramRegister scratch = R6)
    {
        Code.Move(R3, address);
        AddToPointer(R3, offset);
        ScratchTo(R1, scratchOffset, scratch);
        Code.Move(R2, (ulong)size);
        Code.Move(R4, kernel.Root);
        Code.Call(Helper.ReadVirtual);
        Cost.Access(size);
        Code.JumpIf(Opcode.Jne, R0, size, failed);
    }

    /// <summary>Calls a helper that takes (buffer, size, address, root) for an address in R7 that may be a program's or the kernel's: in the vCPU's own
    /// address space, and where that gives nothing, in the kernel's. A vCPU in the entry code or in user mode may run on a table that has
    /// no kernel (page-table isolation); the kernel's own table has no program's memory, so neither can be taken for the other.</summary>
    public void Access(Helper helper, int scratchOffset, int size, int nothing)
    {
        int done = Code.NewLabel();
        foreach (ulong root in (ulong[])[0, kernel.Root])
        {
            ScratchTo(R1, scratchOffset);
            Code.Move(R2, (ulong)size);
            Code.Move(R3, R7);
            Code.Move(R4, root);
            Code.Call(helper);
            if (root == 0)
                Code.JumpIf(Opcode.Jne, R0, nothing, done);
        }
        Code.Mark(done);
        Cost.Access(size, calls: 2);
    }

    /// <summary>Hands out a record of a fixed size that lies in the scratch buffer.</summary>
    public void Emit(int schema, int scratchOffset, int size)
    {
        Code.Move(R3, (ulong)size);
        EmitSized(schema, scratchOffset, size);
    }

    /// <summary>Hands out a record whose size, up to <paramref name="largest"/> bytes, is in R3.</summary>
    public void EmitSized(int schema, int scratchOffset, int largest)
    {
        Code.Move(R1, (ulong)schema);
        ScratchTo(R2, scratchOffset);
        Code.Call(Helper.Emit);
        Cost.Record(largest);
    }
}
