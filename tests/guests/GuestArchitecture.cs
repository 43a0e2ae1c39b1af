namespace VmiPl.TestGuests;

/// <summary>What the guest's kernel and programs are compiled for.</summary>
public enum GuestArchitecture
{
    /// <summary>64-bit x86; Debian's amd64.</summary>
    Amd64,
    /// <summary>32-bit x86; Debian's i386.</summary>
    I386,
}
