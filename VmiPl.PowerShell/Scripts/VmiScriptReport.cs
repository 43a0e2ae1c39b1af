namespace VmiPl.Commands.Scripts;

/// <summary>What <c>Test-VmiScript</c> says of one script. Plain values, so that it survives remoting.</summary>
public sealed record VmiScriptReport
{
    /// <summary>The file, or null for a text.</summary>
    public string? File { get; init; }
    /// <summary>The machine that it was compiled for, or null.</summary>
    public string? Machine { get; init; }
    /// <summary>Whether there are no errors.</summary>
    public bool IsValid { get; init; }
    /// <summary>Whether costs and programs are estimates, because there was no machine.</summary>
    public bool IsEstimate { get; init; }
    /// <summary>All that is to be said, in the order of the text.</summary>
    public required VmiDiagnostic[] Diagnostics { get; init; }
    /// <summary>The event probes.</summary>
    public required VmiProbeSummary[] EventProbes { get; init; }
    /// <summary>The stream probes.</summary>
    public required VmiProbeSummary[] StreamProbes { get; init; }
    /// <summary>The outputs of all probes, each once, as a script names them.</summary>
    public required string[] Outputs { get; init; }
    /// <summary>What only a guest can tell and no machine told: the symbols and system calls that the script names.</summary>
    public required string[] LeftOpen { get; init; }
    /// <summary>The probes' programs; empty unless <c>-ShowProgram</c> asks for them.</summary>
    public required VmiProbeProgram[] Programs { get; init; }
}
