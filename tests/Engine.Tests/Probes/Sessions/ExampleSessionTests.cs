using System.Text.RegularExpressions;
using VmiPl.Language;
using VmiPl.Probes;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;
using VmiPl.Tests.Repository;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>Every example runs on a guest of its kind, and takes itself away again.</summary>
public sealed partial class ExampleSessionTests
{
    private const string Change = "reconfiguration-change", Mac = "52:54:00:12:34:56";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, InlineData(false), InlineData(true)]
    public async Task Examples_run(bool is32Bit)
    {
        var options = new GuestOptions
        {
            Kernel = is32Bit ? GuestKernel.I386 : GuestKernel.Amd64_6_1, Modules = "virtio_net atkbd",
            QemuArguments = $"-device virtio-net-pci,netdev=n,mac={Mac} -netdev user,id=n,restrict=on",
        };
        using GuestLoan loan = await GuestFacts.BorrowAsync(options);
        using TemporaryFolder folder = new();
        string[] examples = [.. Directory.EnumerateFiles(Path.Combine(RepositoryFolder.Root, "Examples"), "*.vmipl").Order(StringComparer.Ordinal)
            .Where(path => path.EndsWith("-32.vmipl", StringComparison.Ordinal) == is32Bit && !Path.GetFileName(path).StartsWith(Change, StringComparison.Ordinal))];
        Assert.InRange(examples.Length, 8, 100);
        foreach (string path in examples)
        {
            using ProbeRun run = ProbeRun.Start(loan.Guest, Adapted(path), new SessionOptions { Streams = new StreamOptions { BaseFolder = folder.FullName } });
            string id = await loan.Guest.CommandAsync("start /usr/bin/example", Cancel);
            if (Path.GetFileName(path).StartsWith("reconfiguration", StringComparison.Ordinal))
                Assert.DoesNotContain(run.Session.Reconfigure(ScriptReader.Read(new SourceText(Adapted(path.Replace("reconfiguration", Change, StringComparison.Ordinal))))), diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
            await loan.Guest.CommandAsync("stop " + id, Cancel);
            run.Session.Stop();
            Assert.True(run.Session.State == SessionState.Stopped, $"{path}: {run.Session.Failure}");
            Assert.DoesNotContain(run.Drain("default"), record => record is NoticeRecord { Error: not null });
            await loan.Guest.CommandAsync("ping", Cancel);
        }
    }

    /// <summary>The 32-bit examples have the addresses of another kernel: this one's stand in their place.</summary>
    private static string Adapted(string path)
    {
        string text = File.ReadAllText(path);
        return !path.EndsWith("-32.vmipl", StringComparison.Ordinal) ? text
            : Configuration().Replace(text, "").Replace("0xc104f060", "do_exit", StringComparison.Ordinal).Replace("0xc17b2a40", "panic_timeout", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"Configuration\s*\{[^}]*\}")]
    private static partial Regex Configuration();
}
