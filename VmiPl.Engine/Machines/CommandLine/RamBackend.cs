namespace VmiPl.Machines.CommandLine;

/// <summary>One block of guest RAM as QEMU was told to make it: its size in bytes, and the path of the file (or of the folder
/// of the file) behind it where one was named.</summary>
internal sealed record RamBackend(string Id, ulong Size, string? Path = null);
