namespace VmiPl.Compilation.Records;

/// <summary>What a process record has.</summary>
[Flags]
public enum ProcessFlags
{
    /// <summary>Neither path nor page directory.</summary>
    None = 0,
    /// <summary>The path was read to its root; an empty one is the root itself.</summary>
    HasPath = 1,
    /// <summary>The file was deleted, or never had a name.</summary>
    PathDeleted = 2,
    /// <summary>There is a path, but it could not be read to its root.</summary>
    PathUnreadable = 4,
    /// <summary>The page directory is there.</summary>
    HasPageDirectory = 8,
    /// <summary>There is a page directory, but its address could not be translated.</summary>
    PageDirectoryUnreadable = 16,
}
