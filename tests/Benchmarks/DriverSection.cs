using System.Diagnostics;
using VmiPl.Compilation;
using VmiPl.Errors;
using VmiPl.Language;
using VmiPl.Language.Model;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Probes;
using VmiPl.Streams;
using VmiPl.TestGuests;

namespace VmiPl.Benchmarks;

/// <summary>The shim against the gdbstub on one guest under KVM, in one run; what the shim costs a guest that it is idle in; and the exit itself, on the mini guest.
/// Where this process may not use KVM, it runs in the lab.</summary>
internal static class DriverSection
{
    private const string Other = "calls 20000", Load = "The build-like workload";
    // Of the calls that the workload makes, one in ten is the probed one.
    private const int Rounds = 15, CallsPerEvent = 10;

    private static readonly (string What, string Script)[] _events =
    [
        ("one register", "Syscall(lseek){ ReadRegister(RDI, #b) }"),
        ("a filter that says no", "Syscall(lseek){ ValueAtAddressIs(panic_timeout, 5000, 4){ ReadRegister(RDI, #b) } }"),
        ("ten registers and 64 bytes",
            $"Syscall(lseek){{ {string.Concat(((string[])["RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "R8", "R9", "R10"]).Select(name => $"ReadRegister({name}, #b) "))}ReadMemory(jiffies, 64, #b) }}"),
        ("a list of about 270 processes", "Syscall(lseek){ ProcessList(PID, NAME, #b) }"),
    ];

    private static readonly (string What, string Script)[] _scripts =
    [
        ("life cycle", "CRWrite(3){ ReadRegister(CR3, #b) } ExecuteAt(do_exit){ ProcessList(PID, NAME, PGDP, #b) }"),
        ("execution", "Syscall(execve){ ReadString(RDI, 256, #b) }"),
    ];

    /// <summary>Where it runs by itself; else in the lab, whose own process prints its own report.</summary>
    public static void Run(Report report)
    {
        string mini = BuildMini();
        if (Environment.GetEnvironmentVariable("VMIPL_ACCELERATOR") != "kvm")
        {
            int code = KvmLab.Run([Environment.ProcessPath!, "exec", typeof(DriverSection).Assembly.Location, "drivers"]);
            if (code != 0)
                throw new InvalidOperationException($"The benchmarks ended with exit code {code} in the lab.");
            return;
        }
        Command(mini, "measure", "10");
        using TestGuest guest = Guests.Start(RamBackend.Private);
        using VmiMachine machine = Guests.Open(guest);
        LinuxGuest linux = LinuxGuest.Of(machine);
        Events(report, guest, linux);
        Others(report, guest, linux);
        Scripts(report, guest, linux);
        Idle(report, guest);
        ReceiveSection.Run(report);
    }

    private static void Events(Report report, TestGuest guest, LinuxGuest linux)
    {
        foreach ((string what, string script) in _events)
        {
            bool isList = script.Contains("ProcessList", StringComparison.Ordinal);
            (double shim, double ratio) = ShimCost(guest, linux, script, isList ? 2000 : 20_000);
            double stub = StubCost(guest, linux, script);
            report.Add($"An event with {what}, shim", $"{shim:0} µs");
            report.Add($"An event with {what}, shim ÷ the same with an empty body", $"{ratio:0.00} ×");
            report.Add($"An event with {what}, gdbstub", $"{stub:0} µs");
            report.Add($"An event with {what}, gdbstub ÷ shim", $"{stub / shim:0.0} ×", isList ? "" : "25 or more", isList ? null : stub / shim >= 25);
        }
    }

    // What the guest's work takes longer, by event, in µs, and that over the same with an empty body. All three by turns in one session: one after the other, the
    // host's own changes of pace were more than what a body costs.
    private static (double Event, double Ratio) ShimCost(TestGuest guest, LinuxGuest linux, string script, int calls)
    {
        string work = $"calls {calls}";
        using ProbeSession session = Start(linux, script, SessionDriver.Shim);
        VmiScript body = ScriptReader.Read(new SourceText("Reconfigure(0)")), empty = ScriptReader.Read(new SourceText("Reconfigure(0){ }"));
        var rounds = new List<(double Probed, double Empty, double Bare)>();
        for (int round = 0; round < Rounds; round++)
            rounds.Add((Timed(body, on: true), Timed(empty, on: true), Timed(empty, on: false)));
        session.Stop();
        double bare = rounds.Min(round => round.Bare), probed = rounds.Min(round => round.Probed) - bare;
        return (probed / 1000 / calls * CallsPerEvent, probed / (rounds.Min(round => round.Empty) - bare));

        double Timed(VmiScript with, bool on)
        {
            session.Enable(0, on);
            session.Reconfigure(with);
            return Time(guest, work);
        }
    }

    private static double StubCost(TestGuest guest, LinuxGuest linux, string script)
    {
        const string Work = "calls 400";
        double bare = Enumerable.Range(0, 3).Min(_ => Time(guest, Work));
        using ProbeSession session = Start(linux, script, SessionDriver.GdbStub);
        double probed = Time(guest, Work);
        session.Stop();
        return (probed - bare) / 1000 / session.Probes[0].Hits;
    }

    // In one session, whose own start would be measured as well: with the probe, and with it switched off. Debug registers slow all of an emulated CPU's code,
    // and are not what is taken of oneself there.
    private static void Others(Report report, TestGuest guest, LinuxGuest linux)
    {
        foreach ((TrapKind kind, int rounds) in ((TrapKind, int)[])[(TrapKind.Auto, 20 * Rounds), (TrapKind.Hardware, 2 * Rounds)])
        {
            using ProbeSession session = Start(linux, _scripts[1].Script, SessionDriver.Shim, kind);
            double ratio = 1 / Paired.Run(Switched(session, guest, on: true), Switched(session, guest, on: false), 3, rounds).Ratio;
            report.Add($"Other calls while one that nobody makes is probed by the shim, {kind}", $"{ratio:0.000} ×", "1.02 or less", ratio <= 1.02);
        }
    }

    // Both ways each time: what the switching itself leaves behind in an emulated CPU is to be before both.
    private static Func<double> Switched(ProbeSession session, TestGuest guest, bool on) => () =>
    {
        session.Enable(0, !on);
        session.Enable(0, on);
        return Time(guest, Other);
    };

    private static void Scripts(Report report, TestGuest guest, LinuxGuest linux)
    {
        foreach ((string what, string script) in _scripts)
        {
            foreach (SessionDriver driver in (SessionDriver[])[SessionDriver.Shim, SessionDriver.GdbStub])
            {
                try
                {
                    double ratio = 1 / Paired.Run(Probed(guest, linux, script, driver, () => Build(guest)), () => Build(guest), 0, 3).Ratio;
                    report.Add($"{Load} under the {what} script, {driver}", $"{ratio:0.00} ×");
                }
                catch (VmiException e)
                {
                    report.Add($"{Load} under the {what} script, {driver}", $"{e.Code}");
                }
            }
        }
    }

    // Two guests that differ in the shim alone.
    private static void Idle(Report report, TestGuest guest)
    {
        using TestGuest loaded = TestGuest.Start(guest.Options with { Preload = Path.Combine(AppContext.BaseDirectory, "native", "libvmi-shim.so") });
        (double time, double ratio) = Paired.Run(() => Build(loaded), () => Build(guest), 1, Rounds);
        report.Add($"{Load}, without probes", $"{time / 1e6:0} ms");
        report.Add($"{Load} with the idle shim", $"{1 / ratio:0.000} ×");
    }

    private static Func<double> Probed(TestGuest guest, LinuxGuest linux, string script, SessionDriver driver, Func<double> time) => () =>
    {
        using ProbeSession session = Start(linux, script, driver);
        // Here, as the end of a session has the guest's memory to itself.
        double taken = time();
        session.Stop();
        return taken;
    };

    // Programs, processes, files and system calls.
    private static double Build(TestGuest guest) => Paired.Time(() =>
    {
        for (int i = 0; i < 5; i++)
        {
            string id = guest.CommandAsync("start /usr/bin/bench").GetAwaiter().GetResult();
            guest.CommandAsync("stop " + id).GetAwaiter().GetResult();
        }
        guest.CommandAsync("spawn 20").GetAwaiter().GetResult();
        guest.CommandAsync("calls 2000").GetAwaiter().GetResult();
        guest.CommandAsync("sysctl read /proc/sys/kernel/panic 500").GetAwaiter().GetResult();
    });

    private static double Time(TestGuest guest, string work) => Paired.Time(() => guest.CommandAsync(work).GetAwaiter().GetResult());

    private static ProbeSession Start(LinuxGuest linux, string script, SessionDriver driver, TrapKind? kind = null) =>
        ProbeSession.Start(linux, ScriptCompiler.Compile(ScriptReader.Read(new SourceText(script)), linux),
            new SessionOptions
            {
                // The lab's breakpoint instructions reach the guest and not the debugger.
                Driver = driver, TrapKind = kind ?? (driver == SessionDriver.GdbStub ? TrapKind.Hardware : TrapKind.Auto), Streams = new StreamOptions { Capacity = 10_000_000 },
            });

    private static string BuildMini()
    {
        string root = Report.Root, output = Path.Combine(root, "out", "native-shim");
        Command("make", "-s", "-C", Path.Combine(root, "native-shim", "tests"), "mini", $"BUILD={output}");
        return Path.Combine(output, "mini_guest");
    }

    private static void Command(string program, params ReadOnlySpan<string> arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments.ToArray()))!;
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments!)} ended with exit code {process.ExitCode}.");
    }
}
