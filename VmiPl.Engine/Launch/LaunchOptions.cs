namespace VmiPl.Launch;

/// <summary>What an operator says of a machine that is to be started.</summary>
public sealed record LaunchOptions
{
    /// <summary>The QEMU program: a path, or a name to be found as a shell finds it. Null for the first of those that run x86 guests.</summary>
    public string? Qemu { get; init; }

    /// <summary>The path of a <c>-readconfig</c> file; null for none.</summary>
    public string? ConfigPath { get; init; }

    /// <summary>QEMU's arguments, behind the file; each reaches it as it stands here.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>The machine's name; null for the one in the arguments or the file, else one of its own.</summary>
    public string? Name { get; init; }

    /// <summary>The working directory, an absolute path: relative paths in the arguments start there.</summary>
    public required string Folder { get; init; }
}
