namespace VmiPl.Language.Model;

/// <summary>One stream probe, checked: <c>CaptureNetwork</c> where <see cref="MacAddress"/> is not null (<c>00:16:35:af:94:4b</c>), else
/// <c>CaptureKeyboardInput</c>.</summary>
public sealed record StreamProbe
{
    /// <summary>Its id: stream probes count on from the last event probe.</summary>
    public required int Id { get; init; }
    /// <summary>Its label, or null.</summary>
    public string? Label { get; init; }
    /// <summary>The NIC's address in lower case with colons, or null for the keyboard.</summary>
    public string? MacAddress { get; init; }
    /// <summary>Where its records go.</summary>
    public required Output Output { get; init; }
    /// <summary>The whole statement.</summary>
    public required SourceSpan Span { get; init; }
}
