namespace VmiPl.Probes.Interpreter;

/// <summary>How a run of a probe program ended. The numbers are part of the shim's ABI.</summary>
public enum ProgramEnd
{
    /// <summary>The program's own <c>exit</c>.</summary>
    Finished = 0,
    /// <summary>There was an instruction left to run, and no budget for it or for the bytes that it would move.</summary>
    BudgetSpent = 1,
    /// <summary>A load, a store or a helper's buffer did not lie wholly within program memory.</summary>
    MemoryFault = 2,
    /// <summary>A helper was asked for what the program was not loaded for.</summary>
    HelperFault = 3,
    /// <summary>More functions than there are frames.</summary>
    CallDepth = 4,
}
