namespace VmiPl.Linux;

/// <summary>A loaded kernel module: name, guest-virtual base of its text and size in bytes, as <c>/proc/modules</c> shows them.</summary>
public sealed record VmiModule(string Machine, string Name, ulong BaseAddress, ulong Size);
