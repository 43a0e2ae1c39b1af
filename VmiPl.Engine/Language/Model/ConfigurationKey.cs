namespace VmiPl.Language.Model;

/// <summary>One checked line of a Configuration: the key in the language's spelling and the value as written, which is of the form that the
/// key takes (an address or an offset as a number, or a register's name).</summary>
public sealed record ConfigurationKey(string Key, string Value, SourceSpan Span);
