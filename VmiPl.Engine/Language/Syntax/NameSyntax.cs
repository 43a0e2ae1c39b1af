namespace VmiPl.Language.Syntax;

/// <summary>A name or label as written.</summary>
public sealed record NameSyntax(string Text, SourceSpan Span) : SyntaxNode(Span);
