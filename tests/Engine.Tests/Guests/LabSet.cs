namespace VmiPl.Tests.Guests;

/// <summary>The tests that run a second time in the KVM lab: those with the trait <c>Lab</c>, whose value is the set's name. An attribute
/// <c>[Trait(LabSet.Trait, LabSet.Probes)]</c> marks a class or a method.</summary>
internal static class LabSet
{
    public const string Trait = "Lab";
    /// <summary>Probes on a guest whose vCPUs are KVM's.</summary>
    public const string Probes = "probes";
}
