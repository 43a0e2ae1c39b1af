namespace VmiPl.Language.Syntax;

/// <summary>A piece of a script as it is written, before anybody asks what it means. Immutable; safe from any thread.</summary>
public abstract record SyntaxNode(SourceSpan Span);
