using System.Diagnostics;
using VmiPl.TestGuests;

namespace VmiPl.Tests.Native;

/// <summary>The shim on a KVM machine of its own (<c>native-shim/tests/mini_guest.c</c>): what traps do, against what the guest sees. On this
/// machine's KVM, which may be a software one that does not do all, and in the KVM lab.</summary>
public sealed class MiniGuestTests(NativeMake make, ITestOutputHelper output) : IClassFixture<NativeMake>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_scenario_passes_in_the_lab()
    {
        SkipWithoutLab();
        await PassesInTheLabAsync(await BuildAsync(), "2");
    }

    /// <summary>Its hook finds the program's table elsewhere, and its threads have small stacks.</summary>
    [Fact]
    public async Task Every_scenario_passes_in_the_lab_in_a_process_with_musl()
    {
        SkipWithoutLab();
        Assert.SkipWhen(MuslCompiler.Missing() is not null, "Nothing is compiled for musl here without " + MuslCompiler.Missing());
        await PassesInTheLabAsync(await BuildAsync("CC=" + MuslCompiler.Find()), "1");
    }

    [Fact]
    public async Task Every_scenario_that_this_machines_KVM_can_passes()
    {
        (int exitCode, string text) = await RunHereAsync("all");
        Check(exitCode, text);
    }

    [Fact]
    public async Task This_machines_KVM_can_every_scenario()
    {
        (int exitCode, string text) = await RunHereAsync("missing");
        Assert.True(exitCode == 0, text);
        Assert.SkipWhen(text.Length > 0, "Without the shim, too, this machine's KVM does not do what these scenarios need: "
            + string.Join(", ", text.Split('\n', StringSplitOptions.RemoveEmptyEntries)) + ". They run in the lab.");
    }

    private async Task<(int ExitCode, string Text)> RunHereAsync(string what)
    {
        Assert.SkipUnless(CanOpenKvm(), "/dev/kvm cannot be opened here.");
        string program = await BuildAsync();
        var start = new ProcessStartInfo(program, what) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string text = await process.StandardOutput.ReadToEndAsync(Cancel);
        await process.WaitForExitAsync(Cancel);
        return (process.ExitCode, text);
    }

    private static void SkipWithoutLab()
    {
        Assert.SkipWhen(KvmLab.IsInside, "This is the lab.");
        IReadOnlyList<string> missing = KvmLab.Missing();
        Assert.SkipWhen(missing.Count > 0, "No KVM lab here without " + string.Join("; ", missing));
    }

    private async Task PassesInTheLabAsync(string program, string scale)
    {
        LabResult result = await KvmLab.RunAsync([program, "all", scale], new LabOptions { Timeout = TimeSpan.FromMinutes(20) }, Cancel);
        output.WriteLine($"{result.Duration.TotalSeconds:0} s in the lab");
        Check(result.ExitCode, result.Output);
        Assert.DoesNotContain("not for this KVM", result.Output, StringComparison.Ordinal);
    }

    private async Task<string> BuildAsync(params string[] options)
    {
        NativeMake.SkipWithoutCompiler();
        await make.MustRunAsync(["mini", "--always-make", .. options]);
        return Path.Combine(make.Folder, "mini_guest");
    }

    private void Check(int exitCode, string text)
    {
        output.WriteLine(text);
        Assert.True(exitCode == 0, text);
        Assert.Matches("(?m)^(\\d+) of \\1 scenarios passed$", text);
    }

    private static bool CanOpenKvm()
    {
        try
        {
            using FileStream device = new("/dev/kvm", FileMode.Open, FileAccess.ReadWrite);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
