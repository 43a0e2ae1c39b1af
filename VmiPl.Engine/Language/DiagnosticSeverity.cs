namespace VmiPl.Language;

/// <summary>How much a diagnostic matters.</summary>
public enum DiagnosticSeverity
{
    /// <summary>Something was left open, for example a symbol where there is no guest to ask.</summary>
    Information,
    /// <summary>The script runs, but probably not as meant.</summary>
    Warning,
    /// <summary>The script does not run.</summary>
    Error,
}
