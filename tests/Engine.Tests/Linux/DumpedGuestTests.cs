using System.Text.Json;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Machines.Dump;
using VmiPl.Machines.Qmp;
using VmiPl.TestGuests;

namespace VmiPl.Tests.Linux;

/// <summary>A paused guest and its dumps show the same processes, whoever wrote the dump, with registers and without.</summary>
public sealed class DumpedGuestTests
{
    public static TheoryData<string> Configurations => [.. GuestMatrix.Few.Select(configuration => configuration.Name)];

    [Theory]
    [MemberData(nameof(Configurations))]
    public async Task A_dump_shows_what_the_guest_showed(string configuration)
    {
        GuestOptions options = GuestMatrix.Find(configuration).Options with { MemoryMiB = 512, Monitor = MonitorKind.Qmp };
        await using TestGuest test = await TestGuest.StartAsync(options, TestContext.Current.CancellationToken);
        using VmiMachine machine = MachineConnector.OpenProcess(test.ProcessId, Errors.VmiLimits.Default);
        machine.GetMonitor().Suspend();
        string[] expected = Lines(LinuxGuest.Open(machine, cache: null));
        Assert.NotEmpty(expected);

        string own = Path.Combine(test.Folder, "own.core"), bare = Path.Combine(test.Folder, "bare.core"), qemu = Path.Combine(test.Folder, "qemu.core");
        CoreWriter.Write(machine, own, RegisterReader.Read(machine), cancellation: TestContext.Current.CancellationToken);
        CoreWriter.Write(machine, bare, cancellation: TestContext.Current.CancellationToken);
        ((QmpMonitor)machine.GetMonitor()).Execute("dump-guest-memory", arguments =>
        {
            arguments.WriteBoolean("paging", false);
            arguments.WriteString("protocol", "file:" + qemu);
        }, TimeSpan.FromMinutes(2));

        foreach (string file in new[] { own, bare, qemu })
        {
            using VmiMachine dump = MachineConnector.OpenDump(file, Errors.VmiLimits.Default);
            Assert.Equal(expected, Lines(LinuxGuest.Open(dump, cache: null)));
        }
    }

    /// <summary>Every member but the machine's name.</summary>
    private static string[] Lines(LinuxGuest guest)
    {
        ProcessList list = guest.Processes(new ProcessQuery { IncludeThreads = true });
        Assert.Null(list.Problem);
        return [.. list.Processes.Select(task => JsonSerializer.Serialize(task with { Machine = "" }))];
    }
}
