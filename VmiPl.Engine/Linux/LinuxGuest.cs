using VmiPl.Machines;
using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>A machine whose Linux kernel was found: the door to everything that is read from it by meaning.</summary>
public sealed class LinuxGuest
{
    /// <summary>Makes a guest of its parts.</summary>
    public LinuxGuest(VmiMachine machine, KernelProfile profile)
    {
        Machine = machine;
        Profile = profile;
    }

    /// <summary>The machine; not owned.</summary>
    public VmiMachine Machine { get; }

    /// <summary>What its kernel looks like.</summary>
    public KernelProfile Profile { get; }
}
