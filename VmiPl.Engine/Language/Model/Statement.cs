using System.Collections.Immutable;

namespace VmiPl.Language.Model;

/// <summary>One data probe, filter or instruction of an event probe's body, checked. Sizes are in bytes.</summary>
public abstract record Statement(SourceSpan Span);

/// <summary><c>ReadRegister</c>.</summary>
public sealed record ReadRegisterStatement(RegisterOperand Register, Output Output, SourceSpan Span) : Statement(Span);

/// <summary><c>ReadMemory</c>.</summary>
public sealed record ReadMemoryStatement(AddressOperand Address, int Size, Output Output, SourceSpan Span) : Statement(Span);

/// <summary><c>ReadMemoryAt</c>: at the register's value plus <paramref name="Offset"/>, which may be negative.</summary>
public sealed record ReadMemoryAtStatement(RegisterOperand Register, int Size, long Offset, Output Output, SourceSpan Span) : Statement(Span);

/// <summary><c>ReadString</c>: at the register's value or at the address, of which exactly one is not null.</summary>
public sealed record ReadStringStatement(RegisterOperand? Register, AddressOperand? Address, int MaxBytes, Output Output, SourceSpan Span) : Statement(Span);

/// <summary><c>ReadVMCS</c>.</summary>
public sealed record ReadVmcsStatement(ImmutableArray<VmcsField> Fields, Output Output, SourceSpan Span) : Statement(Span);

/// <summary><c>ProcessList</c>; at least one field, none twice.</summary>
public sealed record ProcessListStatement(ImmutableArray<ProcessField> Fields, Output Output, SourceSpan Span) : Statement(Span);

/// <summary><c>WriteToMemoryAt</c>: at the register's value plus <paramref name="Offset"/>. <paramref name="Size"/> is 1, 2, 4, 8 or, for a
/// pointer's size, null; <paramref name="Value"/> is what was written in two's complement.</summary>
public sealed record WriteMemoryAtStatement(RegisterOperand Register, long Offset, ulong Value, int? Size, SourceSpan Span) : Statement(Span);

/// <summary><c>Pause</c>.</summary>
public sealed record PauseStatement(SourceSpan Span) : Statement(Span);

/// <summary><c>Reconfigure</c>. <paramref name="Body"/> null restores what the script gave; empty silences.</summary>
public sealed record ReconfigureStatement(ProbeReference Probe, ImmutableArray<Statement>? Body, SourceSpan Span) : Statement(Span);

/// <summary>A filter: its body runs only where it is true.</summary>
public abstract record FilterStatement(ImmutableArray<Statement> Body, SourceSpan Span) : Statement(Span);

/// <summary><c>RegisterHasValue</c>.</summary>
public sealed record RegisterHasValueFilter(RegisterOperand Register, ulong Value, ImmutableArray<Statement> Body, SourceSpan Span) : FilterStatement(Body, Span);

/// <summary><c>ValueAtAddressIs</c>; <paramref name="Size"/> is 1, 2, 4, 8 or, for a pointer's size, null.</summary>
public sealed record ValueAtAddressIsFilter(AddressOperand Address, ulong Value, int? Size, ImmutableArray<Statement> Body, SourceSpan Span) : FilterStatement(Body, Span);

/// <summary><c>ProcessIs(PID, …)</c>.</summary>
public sealed record ProcessIdIsFilter(int ProcessId, ImmutableArray<Statement> Body, SourceSpan Span) : FilterStatement(Body, Span);

/// <summary><c>ProcessIs(NAME, …)</c>; at most 15 bytes of UTF-8, which is what the kernel keeps.</summary>
public sealed record ProcessNameIsFilter(string Name, ImmutableArray<Statement> Body, SourceSpan Span) : FilterStatement(Body, Span);
