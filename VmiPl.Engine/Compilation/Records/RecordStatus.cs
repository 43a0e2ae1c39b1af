namespace VmiPl.Compilation.Records;

/// <summary>How it went with what a record tells; the first or, for a process, the trailing 32 bits of its bytes.</summary>
public enum RecordStatus
{
    /// <summary>All is there.</summary>
    Whole = 0,
    /// <summary>Guest memory could not be read, or not to the end.</summary>
    Unreadable = 1,
    /// <summary>A text is longer than was asked for.</summary>
    Cut = 2,
    /// <summary>Guest memory could not be written; nothing was.</summary>
    Unwritable = 3,
    /// <summary>The task list leads to an address that cannot be read.</summary>
    ListUnreadable = 4,
    /// <summary>The task list does not come back to its head.</summary>
    ListCircle = 5,
    /// <summary>The task list has more tasks than are looked at.</summary>
    ListCut = 6,
}
