namespace VmiPl.TestGuests;

/// <summary>A line of <c>/proc/modules</c>; size in bytes.</summary>
public sealed record GuestModule(string Name, ulong Size, ulong Address);
