using VmiPl.Machines;

namespace VmiPl.Launch;

/// <summary>A machine that was started. The caller owns <paramref name="Machine"/>; QEMU itself lives on without it.
/// <paramref name="LogPath"/> is the file of QEMU's messages; <paramref name="HasShim"/> tells whether the shim is in QEMU: the loader
/// leaves it out, with a message there, where QEMU has more rights than its user or is linked statically.</summary>
public sealed record LaunchedMachine(VmiMachine Machine, string LogPath, bool HasShim);
