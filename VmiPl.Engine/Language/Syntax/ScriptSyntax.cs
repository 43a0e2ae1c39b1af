using System.Collections.Immutable;

namespace VmiPl.Language.Syntax;

/// <summary>A whole script.</summary>
public sealed record ScriptSyntax(ImmutableArray<EntrySyntax> Entries, SourceSpan Span) : SyntaxNode(Span);
