using System.Collections.Immutable;

namespace VmiPl.Language.Model;

/// <summary>One event probe, checked. Which of <see cref="Number"/>, <see cref="Name"/> and <see cref="Address"/> there are depends on
/// <see cref="Kind"/>.</summary>
public sealed record EventProbe
{
    /// <summary>Its id: event probes count from 0 in the order written.</summary>
    public required int Id { get; init; }
    /// <summary>Its label, or null.</summary>
    public string? Label { get; init; }
    /// <summary>What it watches.</summary>
    public required EventKind Kind { get; init; }
    /// <summary>The event as the script names it, in the language's spelling: <c>ExecuteAt</c>.</summary>
    public required string EventName { get; init; }
    /// <summary>A register, MSR, system call, vector or request number, or null.</summary>
    public ulong? Number { get; init; }
    /// <summary>A system call's name, or null.</summary>
    public string? Name { get; init; }
    /// <summary>The address that is watched, or null.</summary>
    public AddressOperand? Address { get; init; }
    /// <summary>What runs at the event; may be empty.</summary>
    public required ImmutableArray<Statement> Body { get; init; }
    /// <summary>The probe's head, from its label to the end of its parameters.</summary>
    public required SourceSpan Span { get; init; }
}
