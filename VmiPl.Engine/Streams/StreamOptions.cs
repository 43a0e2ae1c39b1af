namespace VmiPl.Streams;

/// <summary>What happens to a record that a full stream has no room for.</summary>
public enum FullPolicy
{
    /// <summary>It is dropped and counted; the guest goes on.</summary>
    Drop,
    /// <summary>Whoever made it waits for room, with the guest held, for a bounded time.</summary>
    Block,
}

/// <summary>What happens to a file that is there already.</summary>
public enum ExistingFile
{
    /// <summary>Records follow what it holds.</summary>
    Append,
    /// <summary>What it holds is lost.</summary>
    Replace,
}

/// <summary>How the outputs of a session behave. Immutable.</summary>
public sealed record StreamOptions
{
    /// <summary>Records that wait in each output before it is full; at least 1.</summary>
    public int Capacity { get; init; } = 100_000;
    /// <summary>What happens when one is full.</summary>
    public FullPolicy OnFull { get; init; } = FullPolicy.Drop;
    /// <summary>How long one record may hold its maker under <see cref="FullPolicy.Block"/>. Once that time was used up, no record waits
    /// until the consumer has taken one.</summary>
    public TimeSpan BlockTimeout { get; init; } = TimeSpan.FromSeconds(5);
    /// <summary>What happens to output files that are there already.</summary>
    public ExistingFile ExistingFile { get; init; } = ExistingFile.Append;
    /// <summary>The folder that relative paths start from; null for the process's own.</summary>
    public string? BaseFolder { get; init; }
}
