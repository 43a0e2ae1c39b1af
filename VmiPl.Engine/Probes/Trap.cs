using VmiPl.Compilation.Sites;
using VmiPl.Probes.Placement;

namespace VmiPl.Probes;

/// <summary>One thing that a driver watches for a probe. Addresses are guest-virtual. Immutable.</summary>
internal abstract record Trap(NamedAddress Place);

/// <summary>An instruction, before it is executed. Where it makes a privileged write, <paramref name="Write"/> says what, so that programs see the
/// value that is written.</summary>
internal sealed record ExecuteTrap(NamedAddress Place, InstructionPlace? Write = null) : Trap(Place);

/// <summary>Memory that is written, or read where <paramref name="OnRead"/>; after the access. <paramref name="Length"/> in bytes.</summary>
internal sealed record WatchTrap(NamedAddress Place, ulong Length, bool OnRead) : Trap(Place);
