namespace VmiPl.Probes.Interpreter;

/// <summary>What became of one run.</summary>
/// <param name="End">How it ended.</param>
/// <param name="Instruction">Index of the instruction at which it ended: its <c>exit</c>, the one at fault, or the one that the
/// budget had no room for.</param>
/// <param name="Taken">Instructions taken, one at fault and those taken for bytes included; never more than the budget, and all of it
/// where that was spent. <c>lddw</c> is one.</param>
/// <param name="Value">r0 as it was at the end.</param>
public readonly record struct ProgramResult(ProgramEnd End, int Instruction, int Taken, ulong Value);
