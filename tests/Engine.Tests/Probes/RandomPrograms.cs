using System.Collections.Immutable;
using VmiPl.Compilation.Bytecode;

namespace VmiPl.Tests.Probes;

/// <summary>Makes programs from a seed: most of instructions as they should be, some of these with one bit turned over, some of
/// plain noise.</summary>
internal sealed class RandomPrograms(int seed)
{
    public const int Budget = 150;

    private static readonly byte[] Alu = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80, 0x90, 0xA0, 0xB0, 0xC0, 0xD0];
    private static readonly byte[] Conditions = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xA0, 0xB0, 0xC0, 0xD0];
    private static readonly byte[] Sizes = [0x00, 0x08, 0x10, 0x18];
    private static readonly int[] Edges = [0, 1, -1, 2, 7, 8, 31, 32, 63, 64, 255, 256, 4096, int.MinValue, int.MaxValue];

    private readonly Random _random = new(seed);
    private readonly List<Instruction> _code = [];
    private readonly List<int> _starts = [];
    private readonly List<int> _branches = [];

    /// <summary>One that the verifier accepts, as it is meant.</summary>
    public ProbeProgram Valid()
    {
        _code.Clear();
        _starts.Clear();
        _branches.Clear();
        for (int count = _random.Next(1, 30); count > 0; count--)
            AddSome();
        Add(new(0x95, 0, 0, 0, 0));
        foreach (int at in _branches)
            _code[at] = Aim(_code[at], at, _starts[_random.Next(_starts.Count)]);
        return Program([.. _code]);
    }

    /// <summary>A valid one with one bit of its code turned over.</summary>
    public ProbeProgram Flipped()
    {
        ProbeProgram program = Valid();
        Span<byte> bytes = stackalloc byte[Instruction.Size];
        int at = _random.Next(program.Code.Length);
        program.Code[at].Write(bytes);
        bytes[_random.Next(bytes.Length)] ^= (byte)(1 << _random.Next(8));
        return program with { Code = program.Code.SetItem(at, Instruction.Read(bytes)) };
    }

    /// <summary>Words of any bits, the last of which is an exit.</summary>
    public ProbeProgram Noise()
    {
        Span<byte> bytes = stackalloc byte[Instruction.Size];
        var code = ImmutableArray.CreateBuilder<Instruction>();
        for (int count = _random.Next(1, 8); count > 0; count--)
        {
            _random.NextBytes(bytes);
            code.Add(Instruction.Read(bytes));
        }
        code.Add(new(0x95, 0, 0, 0, 0));
        return Program(code.ToImmutable());
    }

    public int Next(int below) => _random.Next(below);

    private ProbeProgram Program(ImmutableArray<Instruction> code) => new()
    {
        Code = code,
        ScratchBytes = _random.Next(4) switch { 0 => 0, 1 => _random.Next(16), _ => 64 },
        InstructionBudget = _random.Next(10) == 0 ? _random.Next(1, 10) : Budget,
        Registers = 0x1_FFFF_FFFF,
        SchemaCount = 3,
    };

    private void Add(Instruction word)
    {
        _starts.Add(_code.Count);
        _code.Add(word);
    }

    private void AddSome()
    {
        int kind = _random.Next(100);
        if (kind < 40)
            AddArithmetic();
        else if (kind < 65)
            AddAccess();
        else if (kind < 82)
            AddBranch();
        else if (kind < 97)
            AddHelper();
        else
            AddWide();
    }

    private void AddArithmetic()
    {
        byte code = Alu[_random.Next(Alu.Length)], kind = _random.Next(2) == 0 ? Opcode.Alu : Opcode.Alu64;
        bool fromRegister = _random.Next(2) == 0;
        if (code == Opcode.Neg)
        {
            Add(new((byte)(kind | code), Register(), 0, 0, 0));
            return;
        }
        if (code == Opcode.End)
        {
            Add(new((byte)(kind | code | (kind == Opcode.Alu && fromRegister ? Opcode.X : 0)), Register(), 0, 0, 16 << _random.Next(3)));
            return;
        }
        short offset = 0;
        if (code is Opcode.Div or Opcode.Mod)
            offset = (short)_random.Next(2);
        else if (code == Opcode.Mov && fromRegister)
            offset = (short)(_random.Next(kind == Opcode.Alu ? 3 : 4) switch { 0 => 0, 1 => 8, 2 => 16, _ => 32 });
        Add(fromRegister
            ? new((byte)(kind | code | Opcode.X), Register(), (byte)_random.Next(11), offset, 0)
            : new((byte)(kind | code), Register(), 0, offset, Immediate()));
    }

    /// <summary>Through r10 where it must fit, through r1 where it may, through anything where it will hardly.</summary>
    private void AddAccess()
    {
        byte size = Sizes[_random.Next(Sizes.Length)], address = _random.Next(5) switch { 0 or 1 => 10, 2 or 3 => 1, _ => (byte)_random.Next(10) };
        int bytes = Opcode.SizeInBytes(size);
        short offset = (short)(address == 10 ? _random.Next(-ProbeProgram.FrameBytes, 1 - bytes) : _random.Next(-8, 72));
        switch (_random.Next(4))
        {
            case 0:
                Add(new((byte)(Opcode.St | Opcode.Mem | size), address, 0, offset, Immediate()));
                break;
            case 1:
                Add(new((byte)(Opcode.Stx | Opcode.Mem | size), address, (byte)_random.Next(11), offset, 0));
                break;
            case 2 when size != Opcode.Dw:
                Add(new((byte)(Opcode.Ldx | Opcode.MemSx | size), Register(), address, offset, 0));
                break;
            default:
                Add(new((byte)(Opcode.Ldx | Opcode.Mem | size), Register(), address, offset, 0));
                break;
        }
    }

    private void AddBranch()
    {
        _branches.Add(_code.Count);
        byte kind = _random.Next(2) == 0 ? Opcode.Jmp : Opcode.Jmp32;
        switch (_random.Next(8))
        {
            case 0:
                Add(new(kind, 0, 0, 0, 0));
                break;
            case 1:
                Add(new(Opcode.Jmp | Opcode.Call, 0, 1, 0, 0));
                break;
            case 2:
                _branches.RemoveAt(_branches.Count - 1);
                Add(new(Opcode.Jmp | Opcode.Exit, 0, 0, 0, 0));
                break;
            default:
                byte code = Conditions[_random.Next(Conditions.Length)];
                Add(_random.Next(2) == 0
                    ? new((byte)(kind | code | Opcode.X), (byte)_random.Next(11), (byte)_random.Next(11), 0, 0)
                    : new((byte)(kind | code), (byte)_random.Next(11), 0, 0, Immediate()));
                break;
        }
    }

    /// <summary>Mostly with arguments that make sense for some helper.</summary>
    private void AddHelper()
    {
        if (_random.Next(5) != 0)
        {
            byte buffer = (byte)_random.Next(1, 3);
            Add(new(0xBF, buffer, 10, 0, 0));
            Add(new(0x07, buffer, 0, 0, -_random.Next(0, 520)));
            Add(new(0xB7, (byte)(3 - buffer), 0, 0, _random.Next(4) == 0 ? Immediate() : _random.Next(40)));
            Add(new(0xB7, 3, 0, 0, _random.Next(300)));
        }
        Add(new(0x85, 0, 0, 0, _random.Next(1, 12)));
    }

    private void AddWide()
    {
        ulong value = _random.Next(2) == 0 ? ProbeProgram.MemoryBase + (ulong)_random.Next(-16, 5000) : (ulong)_random.NextInt64();
        Add(new(0x18, Register(), 0, 0, (int)value));
        _code.Add(new(0, 0, 0, 0, (int)(value >> 32)));
    }

    private static Instruction Aim(Instruction word, int at, int target) =>
        word.Opcode is (Opcode.Jmp | Opcode.Call) or (Opcode.Jmp32 | Opcode.Ja)
            ? word with { Immediate = target - at - 1 }
            : word with { Offset = (short)(target - at - 1) };

    private byte Register() => (byte)_random.Next(10);

    private int Immediate() => _random.Next(3) == 0 ? _random.Next() : Edges[_random.Next(Edges.Length)];
}
