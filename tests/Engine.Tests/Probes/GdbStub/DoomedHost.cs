using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using VmiPl.Probes.GdbStub;

namespace VmiPl.Tests.Probes.GdbStub;

/// <summary>A host process to be killed. It is this test program, started once more with a variable in its environment that makes
/// it a host and nothing else: it starts a guardian, sets breakpoints in a guest and says so.</summary>
internal static class DoomedHost
{
    private const string Variable = "VMIPL_TEST_DOOMED_HOST";

    /// <summary>Starts a host whose gdbstub QEMU has opened. It sets breakpoints at the addresses in turn, lets the guest run,
    /// and where <paramref name="awaitHit"/> waits until it is stopped by one. Returns when it is there.</summary>
    public static Process Start(string socketPath, string monitorPath, bool awaitHit, params ulong[] addresses)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", typeof(DoomedHost).Assembly.Location]) { RedirectStandardOutput = true };
        start.Environment[Variable] = string.Join(' ', [socketPath, monitorPath, awaitHit ? "hit" : "run",
            .. addresses.Select(a => a.ToString("x", CultureInfo.InvariantCulture))]);
        Process process = Process.Start(start)!;
        Assert.Equal("ready", process.StandardOutput.ReadLine());
        return process;
    }

    [ModuleInitializer]
    internal static void Run()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } text)
            return;
        string[] words = text.Split(' ');
        using Guardian guardian = Guardian.Start(words[0], ["qmp", words[1]]);
        using Socket stub = guardian.Connect(TimeSpan.FromSeconds(30));
        foreach (string address in words[3..])
            Send(stub, FakeGdbStub.Packet($"Z0,{address},1"), "$OK#");
        stub.Send(Encoding.ASCII.GetBytes("+" + FakeGdbStub.Packet("c")));
        if (words[2] == "hit")
            Read(stub, "$T05");
        Console.WriteLine("ready");
        Thread.Sleep(Timeout.Infinite);
    }

    private static void Send(Socket stub, string packet, string answer)
    {
        stub.Send(Encoding.ASCII.GetBytes("+" + packet));
        Read(stub, answer);
    }

    private static void Read(Socket stub, string end)
    {
        var read = new StringBuilder();
        byte[] one = new byte[1];
        while (!read.ToString().EndsWith(end, StringComparison.Ordinal))
        {
            if (stub.Receive(one) == 0)
                Environment.Exit(1);
            read.Append((char)one[0]);
        }
    }
}
