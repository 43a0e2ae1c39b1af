using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using VmiPl.Compilation.Bytecode;
using VmiPl.Compilation.Records;
using VmiPl.Compilation.Targets;
using VmiPl.Language;
using VmiPl.Language.Model;
using VmiPl.Linux;
using VmiPl.Memory;
using static VmiPl.Compilation.Bytecode.ProgramRegister;

namespace VmiPl.Compilation.Lowering;

/// <summary>Lowers the body of one event probe to a program. Statements follow each other in the order written; a filter's jump leads behind
/// its body.</summary>
internal sealed class BodyCompiler
{
    // What a walk over the processes of a large guest takes, long paths and the bytes that are moved included.
    private const int WalkBudget = 20_000_000;

    private readonly BodyContext _context;
    private readonly DiagnosticBag _diagnostics;
    private readonly OperandChecks _operands;
    private readonly EventRegisters _registers;
    private readonly Func<ReconfigureStatement, (int Probe, int Body)?> _reconfigure;
    private bool _walks;

    public BodyCompiler(
        TargetKernel kernel, EventProbe probe, EventRegisters registers, SchemaTable schemas, DiagnosticBag diagnostics,
        OperandChecks operands, Func<ReconfigureStatement, (int Probe, int Body)?> reconfigure)
    {
        _context = new BodyContext(kernel, probe, schemas);
        _diagnostics = diagnostics;
        _operands = operands;
        _registers = registers;
        _reconfigure = reconfigure;
    }

    private ProgramBuilder Code => _context.Code;

    /// <summary>The body, or null where it cannot be compiled, which was reported then.</summary>
    public CompiledBody? Compile(ImmutableArray<Statement> statements)
    {
        Code.Move(R6, R1);
        if (_registers.IsSaved && (_registers.Numbers.Length > 0 || statements.Any(UsesRegisters)))
            SavedRegisters.Load(_context, FailureRecord.Schema(_context, _context.Probe.EventName));
        int end = Code.NewLabel();
        FilterNumber(end);
        Lower(statements);
        Code.Mark(end);
        Code.Move(R0, 0UL);
        Code.Exit();
        if (_context.NeedsPathFunction)
        {
            BodyCost before = _context.Cost.Sum(0);
            int start = Code.Length;
            PathClimb.Write(_context, _context.Kernel.Paths!);
            _context.Cost.PerProcess(before, Code.Length - start);
        }
        // Without a walk no instruction runs twice.
        long budget = (_walks ? WalkBudget : ProbeProgram.MaxInstructions) + _context.Cost.Moving;
        ProbeProgram? program = Code.Build(_context.ScratchBytes, (int)Math.Min(budget, int.MaxValue), _context.Schemas.Count);
        if (program is null)
        {
            _diagnostics.Report(CompilationDiagnostics.BodyTooLarge, _context.Probe.Span, "split it into several event probes", _context.Probe.EventName);
            return null;
        }
        return new CompiledBody(program, statements.IsEmpty, _context.Cost.Sum(Code.Length));
    }

    private static bool UsesRegisters(Statement statement) => statement switch
    {
        ReadRegisterStatement or ReadMemoryAtStatement or WriteMemoryAtStatement or RegisterHasValueFilter => true,
        ReadStringStatement text => text.Register is not null,
        FilterStatement filter => filter.Body.Any(UsesRegisters),
        _ => false,
    };

    private void Lower(ImmutableArray<Statement> statements)
    {
        foreach (Statement statement in statements)
        {
            switch (statement)
            {
                case ReadRegisterStatement read: ReadRegister(read); break;
                case ReadMemoryStatement read: ReadMemory(read); break;
                case ReadMemoryAtStatement read: ReadMemoryAt(read); break;
                case ReadStringStatement read: ReadString(read); break;
                case ReadVmcsStatement read: ReadVmcs(read); break;
                case ProcessListStatement list: ListProcesses(list); break;
                case WriteMemoryAtStatement write: WriteMemory(write); break;
                case PauseStatement: Pause(); break;
                case ReconfigureStatement change: Reconfigure(change); break;
                case FilterStatement filter: Filter(filter); break;
            }
        }
    }

    // ---- data probes ----

    private void ReadRegister(ReadRegisterStatement statement)
    {
        RegisterOperand operand = statement.Register;
        if (!_operands.Check(operand))
            return;
        int schema = Schema("ReadRegister", statement.Output, new RegisterSchema { Register = operand.Name, PageDirectoryMask = operand.Register == GuestRegister.Cr3 ? _context.Kernel.PageDirectoryMask : 0 });
        LoadRegister(operand);
        _context.Need(RegisterSchema.Size);
        Code.Store(R6, 0, 0, 8);
        Code.Store(R6, 8, R7, 8);
        _context.Emit(schema, 0, RegisterSchema.Size);
    }

    private void ReadMemory(ReadMemoryStatement statement)
    {
        if (_operands.Resolve(statement.Address) is not { } address)
            return;
        Code.Move(R7, address);
        ReadBytes("ReadMemory", statement.Size, statement.Output);
    }

    private void ReadMemoryAt(ReadMemoryAtStatement statement)
    {
        if (!_operands.Check(statement.Register))
            return;
        LoadRegister(statement.Register);
        _context.AddToPointer(R7, statement.Offset);
        ReadBytes("ReadMemoryAt", statement.Size, statement.Output);
    }

    /// <summary>Reads at the address in R7 and hands out what could be read.</summary>
    private void ReadBytes(string probe, int size, Output output)
    {
        int schema = Schema(probe, output, new MemorySchema());
        int whole = Code.NewLabel();
        _context.Need(MemorySchema.HeaderSize + size);
        _context.Access(Helper.ReadVirtual, MemorySchema.HeaderSize, size, nothing: 0);
        Code.Store(R6, 0, (int)RecordStatus.Whole, 4);
        Code.JumpIf(Opcode.Jeq, R0, size, whole);
        Code.Store(R6, 0, (int)RecordStatus.Unreadable, 4);
        Code.Mark(whole);
        EmitRead(schema, size);
    }

    /// <summary>Fills in the rest of the header, with the address in R7 and the bytes read in R0, and hands the record out.</summary>
    private void EmitRead(int schema, int size)
    {
        Code.Store(R6, 4, size, 4);
        Code.Store(R6, 8, R7, 8);
        Code.Move(R3, R0);
        Code.Do(Opcode.Add, R3, MemorySchema.HeaderSize);
        _context.EmitSized(schema, 0, MemorySchema.HeaderSize + size);
    }

    private void ReadString(ReadStringStatement statement)
    {
        if (statement.Register is { } register)
        {
            if (!_operands.Check(register))
                return;
            LoadRegister(register);
        }
        else if (_operands.Resolve(statement.Address!) is { } address)
        {
            Code.Move(R7, address);
        }
        else
        {
            return;
        }
        int schema = Schema("ReadString", statement.Output, new TextSchema());
        int decided = Code.NewLabel();
        _context.Need(MemorySchema.HeaderSize + statement.MaxBytes);
        _context.Access(Helper.ReadString, MemorySchema.HeaderSize, statement.MaxBytes, nothing: -1);
        Code.Store(R6, 0, (int)RecordStatus.Whole, 4);
        Code.JumpIf(Opcode.Jsge, R0, 0, decided);
        Code.Do(Opcode.Xor, R0, -1);
        Code.Store(R6, 0, (int)RecordStatus.Cut, 4);
        Code.JumpIf(Opcode.Jeq, R0, statement.MaxBytes, decided);
        Code.Store(R6, 0, (int)RecordStatus.Unreadable, 4);
        Code.Mark(decided);
        EmitRead(schema, statement.MaxBytes);
    }

    private void ReadVmcs(ReadVmcsStatement statement)
    {
        int schema = Schema("ReadVMCS", statement.Output, new VmcsSchema { Fields = statement.Fields });
        int size = VmcsSchema.HeaderSize + 8 * statement.Fields.Length;
        _context.Need(size);
        for (int at = 0; at < size; at += 8)
            Code.Store(R6, at, 0, 8);
        Code.Move(R7, 0UL);
        for (int i = 0; i < statement.Fields.Length; i++)
        {
            int missing = Code.NewLabel();
            Code.Move(R1, (ulong)FieldOf(statement.Fields[i]));
            _context.ScratchTo(R2, VmcsSchema.HeaderSize + 8 * i);
            Code.Call(Helper.ReadExitField);
            Code.JumpIf(Opcode.Jne, R0, 0, missing);
            Code.Do(Opcode.Or, R7, 1 << i);
            Code.Mark(missing);
        }
        Code.Store(R6, 4, R7, 4);
        _context.Emit(schema, 0, size);
    }

    private static ExitField FieldOf(VmcsField field) => field switch
    {
        VmcsField.ExitReason => ExitField.ExitReason,
        VmcsField.InterruptInformation => ExitField.InterruptInformation,
        _ => ExitField.ExitQualification,
    };

    private void ListProcesses(ProcessListStatement statement)
    {
        if (ProcessWalk.Problem(_context.Kernel, statement.Fields) is { } problem)
        {
            _diagnostics.Report(CompilationDiagnostics.ProcessListUnknown, statement.Span, "a Configuration can give what the guest does not tell", problem);
            return;
        }
        _walks = true;
        ProcessWalk.Write(_context, Schema("ProcessList", statement.Output, new ProcessSchema { Fields = statement.Fields }), statement.Fields);
    }

    // ---- instructions ----

    /// <summary>Writes all of the value or nothing: both its ends must be mapped before the first byte is written.</summary>
    private void WriteMemory(WriteMemoryAtStatement statement)
    {
        int size = statement.Size ?? _context.PointerSize;
        if (!_operands.Check(statement.Register) | !_operands.CheckValue(statement.Value, size * 8, "the memory that is written", statement.Span))
            return;
        int schema = FailureRecord.Schema(_context, "WriteToMemoryAt");
        int kernelHalf = Code.NewLabel(), failed = Code.NewLabel(), done = Code.NewLabel();
        LoadRegister(statement.Register);
        _context.AddToPointer(R7, statement.Offset);
        _context.Need(8);
        WriteThrough(0, kernelHalf);
        Code.Jump(done);
        Code.Mark(kernelHalf);
        WriteThrough(_context.Kernel.Root, failed);
        Code.Jump(done);
        Code.Mark(failed);
        FailureRecord.Emit(_context, schema, RecordStatus.Unwritable, size);
        Code.Mark(done);

        void WriteThrough(ulong root, int otherwise)
        {
            foreach (int end in (int[])[0, size - 1])
            {
                Code.Move(R1, R7);
                _context.AddToPointer(R1, end);
                Code.Move(R2, root);
                Code.Call(Helper.Translate);
                Code.JumpIf(Opcode.Jeq, R0, -1, otherwise);
            }
            Code.Move(R0, statement.Value);
            Code.Store(R6, 0, R0, 8);
            Code.Move(R1, R6);
            Code.Move(R2, (ulong)size);
            Code.Move(R3, R7);
            Code.Move(R4, root);
            Code.Call(Helper.WriteVirtual);
            _context.Cost.Access(size);
            Code.JumpIf(Opcode.Jne, R0, size, otherwise);
        }
    }

    private void Pause()
    {
        int schema = Schema("Pause", Output.Default, new PauseSchema());
        Code.Call(Helper.Pause);
        _context.Need(PauseSchema.Size);
        Code.Store(R6, 0, (int)RecordStatus.Whole, 4);
        _context.Emit(schema, 0, PauseSchema.Size);
    }

    private void Reconfigure(ReconfigureStatement statement)
    {
        if (_reconfigure(statement) is not (int probe, int body))
            return;
        Code.Move(R1, (ulong)probe);
        Code.Move(R2, (ulong)body);
        Code.Call(Helper.SelectBody);
    }

    // ---- filters ----

    private void Filter(FilterStatement filter)
    {
        int behind = Code.NewLabel();
        switch (filter)
        {
            case RegisterHasValueFilter register: FilterRegister(register, behind); break;
            case ValueAtAddressIsFilter value: FilterMemory(value, behind); break;
            case ProcessIdIsFilter process: FilterProcessId(process, behind); break;
            case ProcessNameIsFilter process: FilterProcessName(process, behind); break;
        }
        Lower(filter.Body);
        Code.Mark(behind);
    }

    /// <summary>CR3 carries a process-context id and flags beside the page table's address, and which half of an isolated table is in use: a value
    /// without any is compared with the process's page directory, so that a PGDP can be given.</summary>
    private void FilterRegister(RegisterHasValueFilter filter, int behind)
    {
        int bits = filter.Register.Bits == 32 || _context.PointerSize == 4 ? 32 : 64;
        if (!_operands.Check(filter.Register) | !_operands.CheckValue(filter.Value, bits, $"`{filter.Register.Name}`", filter.Span))
            return;
        LoadRegister(filter.Register);
        ulong value = bits == 32 ? (uint)filter.Value : filter.Value;
        ulong mask = _context.Kernel.PageDirectoryMask;
        if (filter.Register.Register == GuestRegister.Cr3 && (value & ~mask) == 0)
        {
            Code.Move(R1, mask);
            Code.Do(Opcode.And, R7, R1);
        }
        Code.Move(R8, value);
        Code.JumpIf(Opcode.Jne, R7, R8, behind);
    }

    private void FilterMemory(ValueAtAddressIsFilter filter, int behind)
    {
        int size = filter.Size ?? _context.PointerSize;
        bool fits = _operands.CheckValue(filter.Value, size * 8, "the memory that is compared", filter.Span);
        if (_operands.Resolve(filter.Address) is not { } address || !fits)
            return;
        int schema = FailureRecord.Schema(_context, "ValueAtAddressIs"), read = Code.NewLabel();
        Code.Move(R7, address);
        _context.Need(FailureSchema.Size);
        _context.Access(Helper.ReadVirtual, 0, size, nothing: 0);
        Code.JumpIf(Opcode.Jeq, R0, size, read);
        FailureRecord.Emit(_context, schema, RecordStatus.Unreadable, size);
        Code.Jump(behind);
        Code.Mark(read);
        Code.Load(R7, R6, 0, size);
        Code.Move(R8, size == 8 ? filter.Value : filter.Value & ((1UL << (size * 8)) - 1));
        Code.JumpIf(Opcode.Jne, R7, R8, behind);
    }

    private void FilterProcessId(ProcessIdIsFilter filter, int behind)
    {
        if (!ReadCurrentTask(filter.Span, layout => layout.Tgid == TaskLayout.Missing ? layout.Pid : layout.Tgid, 4, behind))
            return;
        Code.Load(R0, R6, 0, 4);
        Code.JumpIf(Opcode.Jne, R0, filter.ProcessId, behind);
    }

    /// <summary>Compares the name up to its NUL; the kernel leaves what it likes behind that.</summary>
    private void FilterProcessName(ProcessNameIsFilter filter, int behind)
    {
        if (!ReadCurrentTask(filter.Span, layout => layout.Comm, TaskLayout.CommLength, behind))
            return;
        Span<byte> name = stackalloc byte[TaskLayout.CommLength];
        name.Clear();
        int bytes = Encoding.UTF8.GetBytes(filter.Name, name) + 1;
        for (int half = 0; half < bytes; half += 8)
        {
            ulong mask = bytes - half >= 8 ? ulong.MaxValue : (1UL << ((bytes - half) * 8)) - 1;
            Code.Load(R7, R6, half, 8);
            if (mask != ulong.MaxValue)
            {
                Code.Move(R8, mask);
                Code.Do(Opcode.And, R7, R8);
            }
            Code.Move(R8, BinaryPrimitives.ReadUInt64LittleEndian(name[half..]));
            Code.JumpIf(Opcode.Jne, R7, R8, behind);
        }
    }

    /// <summary>Reads a member of the current task to the start of the scratch buffer; where that fails, the filter is false and says so in a record.
    /// False where this kernel cannot be asked, which was reported then.</summary>
    private bool ReadCurrentTask(SourceSpan span, Func<TaskLayout, int> member, int size, int behind)
    {
        if (_context.Kernel is not { CurrentTask: { } current, Tasks: { } layout })
        {
            _diagnostics.Report(CompilationDiagnostics.CurrentTaskUnknown, span, null);
            return false;
        }
        int schema = FailureRecord.Schema(_context, "ProcessIs"), failed = Code.NewLabel(), read = Code.NewLabel();
        _context.Need(Math.Max(FailureSchema.Size, size));
        CurrentTaskAccess.Load(_context, current, failed);
        _context.ReadKernel(0, size, R7, member(layout), failed);
        Code.Jump(read);
        Code.Mark(failed);
        FailureRecord.Emit(_context, schema, RecordStatus.Unreadable, size);
        Code.Jump(behind);
        Code.Mark(read);
        return true;
    }

    // ---- registers and schemas ----

    /// <summary>At a place that other system calls pass too: on only for the numbers wanted.</summary>
    private void FilterNumber(int end)
    {
        if (_registers.Numbers.IsEmpty)
            return;
        int wanted = Code.NewLabel();
        LoadRegister(_registers.Number);
        Code.TakeLowerHalf(R7);
        foreach (int number in _registers.Numbers)
            Code.JumpIf(Opcode.Jeq, R7, number, wanted);
        Code.Jump(end);
        Code.Mark(wanted);
    }

    private int Schema(string construct, Output output, RecordSchema schema) => _context.Schemas.Add(_context.Probe, construct, output, schema);

    /// <summary>R7 = the register, zero-extended from its own size.</summary>
    private void LoadRegister(RegisterOperand operand)
    {
        int? slot = _registers.IsSaved ? SavedRegisters.SlotOf(operand.Register, _context.PointerSize) : null;
        if (slot is int at)
        {
            Code.Load(R7, R10, at, SavedRegisters.SizeOf(operand.Register, _context.PointerSize));
        }
        else
        {
            Code.ReadRegister(operand.Register);
            Code.Move(R7, R0);
        }
        if (operand.Bits == 32 || _context.PointerSize == 4)
            Code.TakeLowerHalf(R7);
    }
}
