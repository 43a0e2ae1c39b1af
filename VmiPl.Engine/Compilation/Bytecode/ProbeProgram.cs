using System.Collections.Immutable;

namespace VmiPl.Compilation.Bytecode;

/// <summary>A program for the probe machine: RFC 9669 instructions with <see cref="Helper"/> calls, and what it needs to run.
/// <para>Program memory is one run of bytes from <see cref="MemoryBase"/> on: the stack, one frame of <see cref="FrameBytes"/> for
/// each level of program-local calls, and behind it the scratch buffer of <see cref="ScratchBytes"/>. Nothing else can be
/// addressed. At the start r1 is the scratch buffer's address, r2 its size, r10 the end of the first frame, all others 0. A frame
/// is zeroed when its function is entered; the scratch buffer keeps what the last run left in it.</para>
/// <para>Immutable; safe from any thread..</para></summary>
public sealed record ProbeProgram
{
    /// <summary>Where program memory begins: no address that a guest or an accidental small number has.</summary>
    public const ulong MemoryBase = 0x0000_5650_0000_0000;

    /// <summary>Bytes of stack that one function has.</summary>
    public const int FrameBytes = 512;

    /// <summary>Functions that can be active at once, the program's start included.</summary>
    public const int MaxFrames = 8;

    /// <summary>Bytes of all frames, and so the offset of the scratch buffer in program memory.</summary>
    public const int StackBytes = FrameBytes * MaxFrames;

    /// <summary>Instruction words of the longest program.</summary>
    public const int MaxInstructions = 65_536;

    /// <summary>Bytes of the largest scratch buffer.</summary>
    public const int MaxScratchBytes = 1 << 20;

    /// <summary>The instruction words.</summary>
    public required ImmutableArray<Instruction> Code { get; init; }

    /// <summary>Bytes of the scratch buffer; 0 to <see cref="MaxScratchBytes"/>.</summary>
    public int ScratchBytes { get; init; }

    /// <summary>Bytes of a helper's buffer that count as one instruction: moving them takes about as long, so that a budget bounds the
    /// time of programs that move much, too.</summary>
    public const int BytesPerInstruction = 64;

    /// <summary>Instructions that one run may take, those that <see cref="Helper"/> takes for bytes among them; a run that takes more
    /// ends there, with what it has emitted kept.</summary>
    public int InstructionBudget { get; init; } = 1_000_000;

    /// <summary>The registers that <see cref="Helper.ReadRegister"/> may be asked for: bit n for the register of id n.</summary>
    public ulong Registers { get; init; }

    /// <summary>Number of schemas that <see cref="Helper.Emit"/> may name: 0 to this, exclusive.</summary>
    public int SchemaCount { get; init; }
}
