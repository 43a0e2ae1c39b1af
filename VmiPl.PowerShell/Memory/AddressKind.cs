namespace VmiPl.Commands.Memory;

/// <summary>In which space an address of the guest is meant.</summary>
public enum AddressKind
{
    /// <summary>Guest-virtual: the kernel's space, or a process's.</summary>
    Virtual,
    /// <summary>Guest-physical.</summary>
    Physical,
}
