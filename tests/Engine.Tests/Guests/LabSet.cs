namespace VmiPl.Tests.Guests;

/// <summary>The tests that run once more in the KVM lab: those with the trait <c>Lab</c>, whose value is the set's name. An attribute
/// <c>[Trait(LabSet.Trait, LabSet.Probes)]</c> marks a class or a method, which may be in several sets.</summary>
internal static class LabSet
{
    public const string Trait = "Lab";
    /// <summary>Probes on a guest whose vCPUs are KVM's, through QEMU's gdbstub.</summary>
    public const string Probes = "probes";
    /// <summary>The same through the shim, which is brought into the guest's running QEMU.</summary>
    public const string Shim = "shim";
}
