using System.Collections.Immutable;

namespace VmiPl.Language.Syntax;

/// <summary>What stands at the top level of a script or in a block.</summary>
public abstract record EntrySyntax(SourceSpan Span) : SyntaxNode(Span);

/// <summary>A probe, a filter, an instruction or a block, by its name: <c>label: Name(arguments){ body }</c>. <paramref name="Arguments"/> is null where
/// there are no parentheses, <paramref name="Body"/> where there are no braces. <paramref name="Head"/> is the part before the body.
/// <paramref name="IsDamaged"/> says that a syntax error in the head was mended: arguments may be missing, and more mistakes found in
/// them are none of the user's.</summary>
public sealed record InvocationSyntax(
    NameSyntax? Label, NameSyntax Name, ImmutableArray<ArgumentSyntax>? Arguments, ImmutableArray<EntrySyntax>? Body, bool IsDamaged,
    SourceSpan Head, SourceSpan Span) : EntrySyntax(Span);

/// <summary>A line of a Configuration: <c>key: value</c>. A block named <c>Configuration</c> has these wherever a label with one bare word,
/// number or other value stands in it; elsewhere <c>label: Word</c> is an invocation.</summary>
public sealed record SettingSyntax(NameSyntax Key, ArgumentSyntax Value, SourceSpan Span) : EntrySyntax(Span);
