using VmiPl.Probes.GdbStub;

namespace VmiPl.Tests.Probes.GdbStub;

/// <summary>What QEMU's monitor says of a migration.</summary>
public sealed class MigrationWatchTests
{
    [Theory]
    [InlineData("globals:\nstore-global-state: on\n", "VM status: running", "None")]
    [InlineData("", "VM status: paused (debug)", "None")]
    [InlineData("globals:\r\nMigration status: active\r\ntotal time: 27 ms\r\n", "VM status: running", "UnderWay")]
    [InlineData("Migration status: setup\n", "VM status: paused (debug)", "UnderWay")]
    [InlineData("Migration status: device\n", "VM status: paused (finish-migrate)", "Departed")]
    [InlineData("Migration status: active\n", "VM status: paused (finish-migrate)", "Departed")]
    [InlineData("Migration status: completed\n", "VM status: paused (postmigrate)", "Departed")]
    [InlineData("Migration status: completed\n", "VM status: running", "None")]
    [InlineData("Migration status: completed\n", "VM status: paused (debug)", "None")]
    [InlineData("Migration status: failed (error)\n", "VM status: running", "None")]
    [InlineData("Migration status: cancelled\n", "VM status: paused", "None")]
    [InlineData("Status: \t\tactive\nTime (ms): \t\ttotal=5\n", "VM status: running", "UnderWay")]
    [InlineData("Status: postcopy-active\n", "VM status: paused (postmigrate)", "Departed")]
    public void Its_words_are_read_as_they_are(string migration, string status, string stage) =>
        Assert.Equal(stage, MigrationWatch.Read(migration, () => status).ToString());
}
