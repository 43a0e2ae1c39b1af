using VmiPl.Probes;
using VmiPl.TestGuests;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>What the session tests' probes run through: the gdbstub or, where <c>VMIPL_TEST_DRIVER</c> is <c>shim</c>, the shim, which needs KVM. The tests hold
/// the same of both.</summary>
internal static class TestDriver
{
    public const string Variable = "VMIPL_TEST_DRIVER";

    public static SessionDriver Value { get; } = Environment.GetEnvironmentVariable(Variable) == "shim" ? SessionDriver.Shim : SessionDriver.GdbStub;

    public static bool IsShim => Value == SessionDriver.Shim;

    /// <summary>Whether four places are all that can be trapped: through the gdbstub in the lab, where <c>int3</c> reaches the guest and not KVM.</summary>
    public static bool HasOnlyDebugRegisters => KvmLab.IsInside && !IsShim;
}
