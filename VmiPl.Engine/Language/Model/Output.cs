namespace VmiPl.Language.Model;

/// <summary>Where a data or stream probe's records go: the stream of that name (without its <c>#</c>), or the file of that path, as
/// written. An output left out is the stream <see cref="DefaultStream"/>.</summary>
public sealed record Output(bool IsFile, string Name)
{
    /// <summary>The stream of what names no other.</summary>
    public const string DefaultStream = "default";

    /// <summary>The stream of what has no output of its own.</summary>
    public static Output Default { get; } = new(false, DefaultStream);

    /// <summary>As a script writes it.</summary>
    public override string ToString() => IsFile ? $"\"{Name}\"" : $"#{Name}";
}
