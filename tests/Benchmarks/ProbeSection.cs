using System.Diagnostics;
using VmiPl.Compilation;
using VmiPl.Language;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Probes;
using VmiPl.Streams;
using VmiPl.TestGuests;

namespace VmiPl.Benchmarks;

/// <summary>What an event costs through the gdbstub on an emulated guest, and how much slower the guest's own work is meanwhile.</summary>
internal static class ProbeSection
{
    private const string Write = "sysctl write /proc/sys/kernel/panic 0 1000", Calls = "calls 4000", Spawn = "spawn 30";
    private const int Started = 20;

    public static void Run(Report report)
    {
        using TestGuest guest = Guests.Start(RamBackend.Private);
        using VmiMachine machine = Guests.Open(guest);
        LinuxGuest linux = LinuxGuest.Of(machine);
        Event("A watchpoint, one register", "WriteAt(panic_timeout){ ReadRegister(RIP, #b) }", Write);
        Event("A watchpoint, a filter that says no", "WriteAt(panic_timeout){ ValueAtAddressIs(panic_timeout, 5000, 4){ Pause } }", Write);
        Event("A breakpoint on a nop, one register", "Syscall(lseek){ ReadRegister(RDI, #b) }", Calls);
        Event("A breakpoint that is stepped, one register", "CRWrite(3){ ReadRegister(CR3, #b) }", Spawn);
        Event("A process list of about 270 tasks", "ExecuteAt(do_exit){ ProcessList(PID, NAME, PATH, PGDP, #b) }", Spawn);
        Slowdown("life cycle", "CRWrite(3){ ReadRegister(CR3, #b) } ExecuteAt(do_exit){ ProcessList(PID, NAME, PGDP, #b) }");
        Slowdown("execution", "Syscall(execve){ ReadString(RDI, 256, #b) }");

        void Event(string what, string script, string work)
        {
            using ProbeSession session = Start(script);
            long start = Stopwatch.GetTimestamp();
            guest.CommandAsync(work).GetAwaiter().GetResult();
            TimeSpan all = Stopwatch.GetElapsedTime(start);
            session.Stop();
            ProbeStatus probe = session.Probes[0];
            report.Add($"{what}: held", $"{probe.Time.TotalMicroseconds / Math.Max(1, probe.Hits):0} µs");
            report.Add($"{what}: with the guest's way back", $"{all.TotalMicroseconds / Math.Max(1, probe.Hits):0} µs");
        }

        void Slowdown(string what, string script)
        {
            TimeSpan bare = Programs();
            using ProbeSession session = Start(script);
            TimeSpan probed = Programs();
            session.Stop();
            report.Add($"{Started} programs started and ended under the {what} script", $"{probed / bare:0.0} × ({bare.TotalMilliseconds:0} ms bare)");
        }

        TimeSpan Programs()
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < Started; i++)
            {
                string id = guest.CommandAsync("start /usr/bin/bench").GetAwaiter().GetResult();
                guest.CommandAsync("stop " + id).GetAwaiter().GetResult();
            }
            return Stopwatch.GetElapsedTime(start);
        }

        ProbeSession Start(string script)
        {
            CompiledScript compiled = ScriptCompiler.Compile(ScriptReader.Read(new SourceText(script)), linux);
            return ProbeSession.Start(linux, compiled, new SessionOptions { Streams = new StreamOptions { Capacity = 10_000_000 } });
        }
    }
}
