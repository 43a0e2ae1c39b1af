using System.Collections.Immutable;

namespace VmiPl.Language.Syntax;

/// <summary>One argument, by how it is written.</summary>
public abstract record ArgumentSyntax(SourceSpan Span) : SyntaxNode(Span);

/// <summary>A number: <paramref name="Digits"/> as written, decimal or hexadecimal with 0x, of any length.</summary>
public sealed record NumberSyntax(string Digits, bool IsNegative, SourceSpan Span) : ArgumentSyntax(Span);

/// <summary>A word: a register, a guest symbol, a field, a file name without a folder.</summary>
public sealed record WordSyntax(string Text, SourceSpan Span) : ArgumentSyntax(Span);

/// <summary>A word or number with numbers added or taken away: <c>do_exit+0x10</c>. At least one term.</summary>
public sealed record SumSyntax(ArgumentSyntax First, ImmutableArray<NumberSyntax> Terms, SourceSpan Span) : ArgumentSyntax(Span);

/// <summary><c>#name</c>, without the <c>#</c>.</summary>
public sealed record StreamSyntax(string Name, SourceSpan Span) : ArgumentSyntax(Span);

/// <summary>A text in double quotes, escapes resolved.</summary>
public sealed record TextSyntax(string Text, SourceSpan Span) : ArgumentSyntax(Span);

/// <summary>A path without quotes.</summary>
public sealed record PathSyntax(string Text, SourceSpan Span) : ArgumentSyntax(Span);

/// <summary>A MAC address as written, right or wrong.</summary>
public sealed record MacSyntax(string Text, SourceSpan Span) : ArgumentSyntax(Span);

/// <summary>A <c>-</c> alone: any.</summary>
public sealed record DashSyntax(SourceSpan Span) : ArgumentSyntax(Span);

/// <summary>Where a value should be and is not; already reported.</summary>
public sealed record MissingSyntax(SourceSpan Span) : ArgumentSyntax(Span);
