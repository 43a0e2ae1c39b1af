using VmiPl.TestGuests;

namespace VmiPl.Tests.Guests;

/// <summary>The tests that run a second time in the KVM lab: those with the trait <c>Lab</c>, whose value is the set's name. An attribute
/// <c>[Trait(LabSet.Trait, "reading")]</c> marks a class or a method, <see cref="Mark"/> a row of a theory.</summary>
internal static class LabSet
{
    public const string Trait = "Lab";
    /// <summary>Probes on a guest whose vCPUs are KVM's.</summary>
    public const string Probes = "probes";
    /// <summary>Reading a guest whose vCPUs are KVM's.</summary>
    public const string Reading = "reading";

    /// <summary>Marks a row whose guest is small enough for the lab, where a machine runs in an emulated one.</summary>
    public static TheoryDataRow<string> Mark(TheoryDataRow<string> row, GuestOptions options) =>
        options is { MemoryMiB: <= 512, Vcpus: 1, FiveLevelPaging: false, Spinning: false, Monitor: MonitorKind.Qmp }
            ? row.WithTrait(Trait, Reading) : row;
}
