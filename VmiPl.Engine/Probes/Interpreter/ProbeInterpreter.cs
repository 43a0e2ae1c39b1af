using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using VmiPl.Compilation.Bytecode;
using VmiPl.Errors;

namespace VmiPl.Probes.Interpreter;

/// <summary>Runs one probe program, as often as its event happens. Owns the program's memory: the scratch buffer keeps what a run
/// leaves in it. A run allocates nothing. Not thread-safe.</summary>
public sealed class ProbeInterpreter
{
    private const int FramePointer = 10, RegisterSlots = 16, RegisterMask = RegisterSlots - 1;

    // r6 to r9 of each caller.
    private const int SavedFirst = 6, SavedCount = 4;

    private readonly Step[] _steps;
    private readonly int _budget;
    private readonly int _scratchBytes;
    private readonly ProgramMemory _memory;
    private readonly HelperCalls _helpers;
    private readonly int[] _returns = new int[ProbeProgram.MaxFrames];
    private readonly ulong[] _saved = new ulong[ProbeProgram.MaxFrames * SavedCount];

    /// <summary>Verifies the program and makes its memory, all zero.</summary>
    /// <exception cref="VmiException"><see cref="VmiErrorCode.InvalidArgument"/>: the program does not pass the
    /// <see cref="Verifier"/>; the message says why.</exception>
    public ProbeInterpreter(ProbeProgram program)
    {
        if (Verifier.FindProblem(program) is { } problem)
            throw new VmiException(VmiErrorCode.InvalidArgument, $"The probe program cannot be loaded: {problem}.");
        _steps = StepDecoder.Decode(program.Code);
        _budget = program.InstructionBudget;
        _scratchBytes = program.ScratchBytes;
        _memory = new ProgramMemory(program.ScratchBytes);
        _helpers = new HelperCalls(_memory, program.Registers, program.SchemaCount);
    }

    /// <summary>Program memory: the frames as the last run left them, and behind them the scratch buffer.</summary>
    internal Span<byte> Memory => _memory.Bytes;

    /// <summary>Runs the program once, from its first instruction. Whatever the program does, this returns within its budget of
    /// instructions; only the host can throw.</summary>
    public ProgramResult Run(IProgramHost host)
    {
        ReadOnlySpan<Step> steps = _steps;
        ProgramMemory memory = _memory;
        Span<ulong> r = stackalloc ulong[RegisterSlots];
        r.Clear();
        r[1] = ProbeProgram.MemoryBase + ProbeProgram.StackBytes;
        r[2] = (ulong)_scratchBytes;
        r[FramePointer] = ProbeProgram.MemoryBase + ProbeProgram.FrameBytes;
        memory.Frame(0).Clear();
        int at = 0, depth = 0, left = _budget;
        ProgramEnd end;
        while (true)
        {
            if (left == 0)
            {
                end = ProgramEnd.BudgetSpent;
                break;
            }
            left--;
            ref readonly Step step = ref steps[at];
            ref ulong dst = ref r[step.Destination & RegisterMask];
            ulong src = r[step.Source & RegisterMask] + (ulong)step.Immediate;
            switch (step.Operation)
            {
                // §4.1, 64 bits. C# masks shift counts as the RFC does; a C twin has to.
                case Operation.Add: dst += src; break;
                case Operation.Subtract: dst -= src; break;
                case Operation.Multiply: dst *= src; break;
                case Operation.Divide: dst = src == 0 ? 0 : dst / src; break;
                case Operation.DivideSigned: dst = (ulong)DivideSigned((long)dst, (long)src); break;
                case Operation.Or: dst |= src; break;
                case Operation.And: dst &= src; break;
                case Operation.ShiftLeft: dst <<= (int)(src & 63); break;
                case Operation.ShiftRight: dst >>= (int)(src & 63); break;
                case Operation.Negate: dst = 0 - dst; break;
                case Operation.Modulo: dst = src == 0 ? dst : dst % src; break;
                case Operation.ModuloSigned: dst = (ulong)ModuloSigned((long)dst, (long)src); break;
                case Operation.Xor: dst ^= src; break;
                case Operation.Move: dst = src; break;
                case Operation.ShiftRightSigned: dst = (ulong)((long)dst >> (int)(src & 63)); break;
                case Operation.Extend8: dst = (ulong)(sbyte)src; break;
                case Operation.Extend16: dst = (ulong)(short)src; break;
                case Operation.Extend32: dst = (ulong)(int)src; break;

                // §4.1, 32 bits: an unsigned 32-bit result zeroes the upper half.
                case Operation.Add32: dst = (uint)dst + (uint)src; break;
                case Operation.Subtract32: dst = (uint)dst - (uint)src; break;
                case Operation.Multiply32: dst = (uint)dst * (uint)src; break;
                case Operation.Divide32: dst = (uint)src == 0 ? 0 : (uint)dst / (uint)src; break;
                case Operation.DivideSigned32: dst = (uint)DivideSigned((int)dst, (int)src); break;
                case Operation.Or32: dst = (uint)dst | (uint)src; break;
                case Operation.And32: dst = (uint)dst & (uint)src; break;
                case Operation.ShiftLeft32: dst = (uint)dst << (int)(src & 31); break;
                case Operation.ShiftRight32: dst = (uint)dst >> (int)(src & 31); break;
                case Operation.Negate32: dst = 0 - (uint)dst; break;
                case Operation.Modulo32: dst = (uint)src == 0 ? (uint)dst : (uint)dst % (uint)src; break;
                case Operation.ModuloSigned32: dst = (uint)ModuloSigned((int)dst, (int)src); break;
                case Operation.Xor32: dst = (uint)dst ^ (uint)src; break;
                case Operation.Move32: dst = (uint)src; break;
                case Operation.ShiftRightSigned32: dst = (uint)((int)dst >> (int)(src & 31)); break;
                case Operation.Extend8To32: dst = (uint)(sbyte)src; break;
                case Operation.Extend16To32: dst = (uint)(short)src; break;

                // §4.2.
                case Operation.Cut16: dst = (ushort)dst; break;
                case Operation.Cut32: dst = (uint)dst; break;
                case Operation.Cut64: break;
                case Operation.Swap16: dst = BinaryPrimitives.ReverseEndianness((ushort)dst); break;
                case Operation.Swap32: dst = BinaryPrimitives.ReverseEndianness((uint)dst); break;
                case Operation.Swap64: dst = BinaryPrimitives.ReverseEndianness(dst); break;

                // §4.3.
                case Operation.Jump: at = step.Offset; continue;
                case Operation.JumpEqual: if (dst == src) { at = step.Offset; continue; } break;
                case Operation.JumpNotEqual: if (dst != src) { at = step.Offset; continue; } break;
                case Operation.JumpGreater: if (dst > src) { at = step.Offset; continue; } break;
                case Operation.JumpGreaterEqual: if (dst >= src) { at = step.Offset; continue; } break;
                case Operation.JumpLess: if (dst < src) { at = step.Offset; continue; } break;
                case Operation.JumpLessEqual: if (dst <= src) { at = step.Offset; continue; } break;
                case Operation.JumpBits: if ((dst & src) != 0) { at = step.Offset; continue; } break;
                case Operation.JumpGreaterSigned: if ((long)dst > (long)src) { at = step.Offset; continue; } break;
                case Operation.JumpGreaterEqualSigned: if ((long)dst >= (long)src) { at = step.Offset; continue; } break;
                case Operation.JumpLessSigned: if ((long)dst < (long)src) { at = step.Offset; continue; } break;
                case Operation.JumpLessEqualSigned: if ((long)dst <= (long)src) { at = step.Offset; continue; } break;
                case Operation.JumpEqual32: if ((uint)dst == (uint)src) { at = step.Offset; continue; } break;
                case Operation.JumpNotEqual32: if ((uint)dst != (uint)src) { at = step.Offset; continue; } break;
                case Operation.JumpGreater32: if ((uint)dst > (uint)src) { at = step.Offset; continue; } break;
                case Operation.JumpGreaterEqual32: if ((uint)dst >= (uint)src) { at = step.Offset; continue; } break;
                case Operation.JumpLess32: if ((uint)dst < (uint)src) { at = step.Offset; continue; } break;
                case Operation.JumpLessEqual32: if ((uint)dst <= (uint)src) { at = step.Offset; continue; } break;
                case Operation.JumpBits32: if (((uint)dst & (uint)src) != 0) { at = step.Offset; continue; } break;
                case Operation.JumpGreaterSigned32: if ((int)dst > (int)src) { at = step.Offset; continue; } break;
                case Operation.JumpGreaterEqualSigned32: if ((int)dst >= (int)src) { at = step.Offset; continue; } break;
                case Operation.JumpLessSigned32: if ((int)dst < (int)src) { at = step.Offset; continue; } break;
                case Operation.JumpLessEqualSigned32: if ((int)dst <= (int)src) { at = step.Offset; continue; } break;

                case Operation.CallLocal:
                    if (depth == ProbeProgram.MaxFrames - 1)
                    {
                        end = ProgramEnd.CallDepth;
                        goto Ended;
                    }
                    r.Slice(SavedFirst, SavedCount).CopyTo(_saved.AsSpan(depth * SavedCount, SavedCount));
                    _returns[depth++] = at + 1;
                    r[FramePointer] += ProbeProgram.FrameBytes;
                    memory.Frame(depth).Clear();
                    at = step.Offset;
                    continue;
                case Operation.CallHelper:
                    // A copy: what is passed by reference is not kept in a register.
                    int rest = left;
                    end = _helpers.Call((Helper)step.Immediate, host, r, ref rest);
                    left = rest;
                    if (end != ProgramEnd.Finished)
                        goto Ended;
                    break;
                case Operation.Exit:
                    if (depth == 0)
                    {
                        end = ProgramEnd.Finished;
                        goto Ended;
                    }
                    at = _returns[--depth];
                    _saved.AsSpan(depth * SavedCount, SavedCount).CopyTo(r.Slice(SavedFirst, SavedCount));
                    r.Slice(1, 5).Clear();
                    r[FramePointer] -= ProbeProgram.FrameBytes;
                    continue;

                // §5: a load's operand is its address.
                case Operation.LoadImmediate64: dst = src; at++; break;
                case Operation.Load8: if (memory.TryLoad8(src, out ulong u8)) { dst = u8; break; } goto default;
                case Operation.Load16: if (memory.TryLoad16(src, out ulong u16)) { dst = u16; break; } goto default;
                case Operation.Load32: if (memory.TryLoad32(src, out ulong u32)) { dst = u32; break; } goto default;
                case Operation.Load64: if (memory.TryLoad64(src, out ulong u64)) { dst = u64; break; } goto default;
                case Operation.LoadSigned8: if (memory.TryLoad8(src, out ulong s8)) { dst = (ulong)(sbyte)s8; break; } goto default;
                case Operation.LoadSigned16: if (memory.TryLoad16(src, out ulong s16)) { dst = (ulong)(short)s16; break; } goto default;
                case Operation.LoadSigned32: if (memory.TryLoad32(src, out ulong s32)) { dst = (ulong)(int)s32; break; } goto default;
                case Operation.Store8: if (memory.TryStore8(dst + (ulong)step.Offset, src)) break; goto default;
                case Operation.Store16: if (memory.TryStore16(dst + (ulong)step.Offset, src)) break; goto default;
                case Operation.Store32: if (memory.TryStore32(dst + (ulong)step.Offset, src)) break; goto default;
                case Operation.Store64: if (memory.TryStore64(dst + (ulong)step.Offset, src)) break; goto default;

                default:
                    end = ProgramEnd.MemoryFault;
                    goto Ended;
            }
            at++;
        }
    Ended:
        return new ProgramResult(end, at, _budget - left, r[0]);
    }

    // The smallest number divided by −1 wraps to itself, where the processor would trap.

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long DivideSigned(long a, long b) => b switch { 0 => 0, -1 => -a, _ => a / b };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int DivideSigned(int a, int b) => b switch { 0 => 0, -1 => -a, _ => a / b };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long ModuloSigned(long a, long b) => b switch { 0 => a, -1 => 0, _ => a % b };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int ModuloSigned(int a, int b) => b switch { 0 => a, -1 => 0, _ => a % b };
}
