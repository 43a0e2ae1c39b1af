using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using VmiPl.Compilation;
using VmiPl.Errors;
using VmiPl.Language;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Probes;
using VmiPl.Streams;
using VmiPl.TestGuests;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>Sessions in a process of their own: this test program, started once more with variables in its environment that make it a host of probes
/// and nothing else. It says where it is in lines, and does the next thing at a line that it is given.</summary>
internal static class HostedSession
{
    private const string Mode = "VMIPL_TEST_SESSION_MODE", Machine = "VMIPL_TEST_SESSION_MACHINE", Script = "VMIPL_TEST_SESSION_SCRIPT";

    /// <summary>Starts a host and returns when its script is compiled. Modes: <c>run</c> starts probes and has them switched off and on until it is
    /// killed, or until a line comes: then it exits without stopping them; <c>wait</c> does so without touching them; <c>cycles N</c> starts and stops
    /// them N times.</summary>
    public static Process Start(TestGuest guest, string mode, string script)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", typeof(HostedSession).Assembly.Location]) { RedirectStandardOutput = true, RedirectStandardInput = true };
        start.Environment[Mode] = mode;
        start.Environment[Machine] = guest.ProcessId.ToString(CultureInfo.InvariantCulture);
        start.Environment[Script] = script;
        Process process = Process.Start(start)!;
        Assert.Equal("compiled", process.StandardOutput.ReadLine());
        return process;
    }

    [ModuleInitializer]
    internal static void Run()
    {
        if (Environment.GetEnvironmentVariable(Mode) is not { } mode)
            return;
        VmiMachine machine = MachineConnector.OpenProcess(int.Parse(Environment.GetEnvironmentVariable(Machine)!, CultureInfo.InvariantCulture), VmiLimits.Default);
        LinuxGuest guest = LinuxGuest.Of(machine);
        CompiledScript script = ScriptCompiler.Compile(ScriptReader.Read(new SourceText(Environment.GetEnvironmentVariable(Script)!)), guest);
        Console.WriteLine("compiled");
        Console.ReadLine();
        if (mode is "run" or "wait")
            Host(ProbeSession.Start(guest, script, ProbeRun.Options()), switches: mode == "run");
        else
            Cycle(guest, script, int.Parse(mode.Split(' ')[1], CultureInfo.InvariantCulture));
        Environment.Exit(0);
    }

    private static void Host(ProbeSession session, bool switches)
    {
        Console.WriteLine("started");
        Task<string?> end = Task.Run(Console.ReadLine);
        for (bool on = false; switches && !end.IsCompleted; on = !on)
            session.Enable(0, on);
        end.Wait();
        // As a host that ends without a word to its session.
        Environment.Exit(session.State == SessionState.Running ? 0 : 1);
    }

    private static void Cycle(LinuxGuest guest, CompiledScript script, int cycles)
    {
        for (int i = 0; i < cycles; i++)
        {
            using ProbeSession session = ProbeSession.Start(guest, script, ProbeRun.Options());
            RecordStream stream = session.Outputs.Find("out")!;
            if (!stream.WaitToReadAsync().AsTask().GetAwaiter().GetResult() || !stream.TryRead(out VmiRecord _))
                Environment.Exit(2);
            session.Stop();
            // The first ones take what the runtime keeps.
            if (i == 4 || i == cycles - 1)
                Console.WriteLine(OpenFiles());
        }
    }

    // Without those from which code is loaded, which comes when it is needed.
    private static int OpenFiles() => Directory.GetFiles("/proc/self/fd").Count(file => File.ResolveLinkTarget(file, returnFinalTarget: false)?.Name.EndsWith(".dll", StringComparison.Ordinal) == false);
}
