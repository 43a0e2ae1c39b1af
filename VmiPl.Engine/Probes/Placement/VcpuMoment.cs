using VmiPl.Language.Model;

namespace VmiPl.Probes.Placement;

/// <summary>A vCPU right behind an instruction: RIP, the other registers by <paramref name="Register"/>, which must know the general registers and
/// <see cref="GuestRegister.Rflags"/>, and the base addresses of FS and GS. The other segments begin at 0.</summary>
public readonly record struct VcpuMoment(ulong Rip, Func<GuestRegister, ulong> Register, ulong FsBase, ulong GsBase);
