namespace VmiPl.Probes.Interpreter;

/// <summary>An instruction as the interpreter runs it. Its operand is register <see cref="Source"/> plus <see cref="Immediate"/>:
/// an instruction uses one of them only, so that an immediate operand names <see cref="Zero"/> and a register operand adds 0.</summary>
internal readonly struct Step(Operation operation, int destination, int source, int offset, long immediate)
{
    /// <summary>A register behind r10 that is always 0.</summary>
    public const int Zero = 11;

    public readonly long Immediate = immediate;

    /// <summary>Index that a jump or call goes to, or what a store adds to its register.</summary>
    public readonly int Offset = offset;

    public readonly Operation Operation = operation;
    public readonly byte Destination = (byte)destination;
    public readonly byte Source = (byte)source;
}
