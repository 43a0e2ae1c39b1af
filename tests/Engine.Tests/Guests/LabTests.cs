using System.Text.Json;
using VmiPl.TestGuests;
using VmiPl.Tests.Probes.Sessions;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Guests;

/// <summary>Tests of this program that run once more in the KVM lab, where guests are KVM's.</summary>
public sealed class LabTests(ITestOutputHelper output)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(LabSet.Probes)]
    [InlineData(LabSet.Shim)]
    public async Task The_set_passes_in_the_lab(string set)
    {
        Need();
        // There is no network in the lab to fetch them from.
        foreach (GuestKernel kernel in GuestMatrix.All.Select(configuration => configuration.Options.Kernel).Distinct())
            kernel.Install();
        TestModule.For(GuestKernel.Amd64_6_12, GuestKernel.Amd64_6_12.Install());
        using TemporaryFolder shared = new();
        string report = shared.File("report.json");
        LabResult result = await RunAsync(
            [Environment.ProcessPath!, "exec", typeof(LabTests).Assembly.Location, "-noColor", "-noLogo", "-noAutoReporters",
                "-preEnumerateTheories", "-trait", $"{LabSet.Trait}={set}", "-result-ctrf", report],
            new LabOptions
            {
                SharedFolder = shared.FullName, Timeout = TimeSpan.FromMinutes(15),
                Environment = set == LabSet.Shim ? [$"{TestDriver.Variable}=shim"] : [],
            });

        output.WriteLine($"{result.Duration.TotalSeconds:0} s in the lab\n{result.Output}");
        Assert.True(result.ExitCode == 0, result.Output);
        Dictionary<string, int> counts = Counts(await File.ReadAllTextAsync(report, Cancel));
        Assert.Equal(["passed"], counts.Keys);
        output.WriteLine($"{counts["passed"]} passed");
    }

    [Fact]
    public async Task A_command_has_kvm_its_folder_and_its_exit_status()
    {
        Need();
        using TemporaryFolder shared = new();
        LabResult result = await KvmLab.RunAsync(
            ["sh", "-c", "test -w /dev/kvm && grep -c svm /proc/cpuinfo && pwd && echo oops >&2 && echo written > here && exit 7"],
            new LabOptions { SharedFolder = shared.FullName, WorkingFolder = shared.FullName }, Cancel);

        Assert.Equal((7, $"2\n{shared.FullName}\noops\n"), (result.ExitCode, result.Output));
        Assert.Equal("written\n", await File.ReadAllTextAsync(shared.File("here"), Cancel));
    }

    [Fact]
    public async Task What_a_command_writes_elsewhere_stays_in_the_lab()
    {
        Need();
        using TemporaryFolder folder = new();
        string file = folder.File("kept");
        await File.WriteAllTextAsync(file, "host", Cancel);

        LabResult result = await KvmLab.RunAsync(["sh", "-c", $"echo lab > {file} && cat {file}; kill -9 $$"], cancel: Cancel);

        Assert.Equal((128 + 9, "lab\n"), (result.ExitCode, result.Output));
        Assert.Equal("host", await File.ReadAllTextAsync(file, Cancel));
    }

    [Fact]
    public async Task A_command_that_hangs_is_given_up_with_its_output()
    {
        Need();
        GuestException error = await Assert.ThrowsAsync<GuestException>(() => KvmLab.RunAsync(["sh", "-c", "echo begun; sleep 1000"],
            new LabOptions { Timeout = TimeSpan.FromSeconds(30) }, Cancel));
        Assert.Contains("begun", error.Message, StringComparison.Ordinal);
    }

    // Its kernel's panic; its emulator's end without a word; its kernel's own complaint that it gets no CPU.
    private static readonly string[] _endsOfTheLab =
        ["Kernel panic - not syncing", "ended without its command's exit status", "kthread gets sufficient CPU time"];

    // The lab itself is not under test, and its emulated CPUs bring it down or to a standstill now and then
    // (tests/guests/README.md, "The KVM lab"): then once more.
    private async Task<LabResult> RunAsync(IReadOnlyList<string> command, LabOptions options)
    {
        for (int ends = 0; ; ends++)
        {
            try
            {
                return await KvmLab.RunAsync(command, options, Cancel);
            }
            catch (GuestException e) when (ends < 2 && _endsOfTheLab.Any(end => e.Message.Contains(end, StringComparison.Ordinal)))
            {
                output.WriteLine(e.Message);
            }
        }
    }

    private static void Need()
    {
        Assert.SkipWhen(KvmLab.IsInside, "This is the lab.");
        IReadOnlyList<string> missing = KvmLab.Missing();
        Assert.SkipWhen(missing.Count > 0, "No KVM lab here without " + string.Join("; ", missing));
    }

    /// <summary>How many tests ended how.</summary>
    private static Dictionary<string, int> Counts(string report)
    {
        using JsonDocument document = JsonDocument.Parse(report);
        return document.RootElement.GetProperty("results").GetProperty("tests").EnumerateArray()
            .CountBy(test => test.GetProperty("status").GetString()!).ToDictionary();
    }
}
