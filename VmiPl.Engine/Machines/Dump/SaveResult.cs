namespace VmiPl.Machines.Dump;

/// <summary>What a save did, in bytes: the length of the file (holes included) and how much of the memory could not be read
/// and stands in it as zeros.</summary>
public sealed record SaveResult(ulong BytesWritten, ulong UnreadableBytes);
