namespace VmiPl.Symbols;

/// <summary>One value of a profile: its key as in a Configuration, the value (an address or an offset in bytes) and where it
/// comes from.</summary>
public sealed record ProfileEntry(string Key, ulong Value, ProfileSource Source);
