using System.Diagnostics;
using System.Globalization;
using VmiPl.TestGuests;

namespace VmiPl.Benchmarks;

/// <summary>Records handed out by Receive-VmiStream, in the project's PowerShell host with the module as it is laid out.</summary>
internal static class ReceiveSection
{
    private const double Aim = 300_000;

    public static void Run(Report report)
    {
        string root = Report.Root;
        string host = Path.Combine(root, "tests/PowerShellHost/bin/Release/net10.0/PowerShellHost.dll"), module = Path.Combine(root, "out/VmiPl");
        using TestGuest guest = Guests.Start(RamBackend.Private);
        var start = new ProcessStartInfo("dotnet", ["exec", host, Path.Combine(root, "tests/Benchmarks/receive.ps1"), module, guest.Name]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"receive.ps1 ended with exit code {process.ExitCode}: {output}");
        // The runtime compiles the pipeline for good in the first rounds: the best is what a session of some minutes has.
        double rate = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))
            .Max(words => double.Parse(words[0], CultureInfo.InvariantCulture) / double.Parse(words[1], CultureInfo.InvariantCulture));
        report.Add("Records through Receive-VmiStream, one consumer", $"{rate / 1e3:0} thousand/s", $"over {Aim / 1e3:0}", rate > Aim);
    }
}
