namespace VmiPl.Language.Tables;

/// <summary>Whether a construct has a body in braces.</summary>
public enum BodyUse
{
    /// <summary>It has none.</summary>
    None,
    /// <summary>It may have one.</summary>
    Optional,
    /// <summary>It always has one.</summary>
    Required,
}
