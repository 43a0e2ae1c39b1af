using System.ComponentModel;
using System.Diagnostics;
using VmiPl.Errors;
using VmiPl.Machines;

namespace VmiPl.Commands.Machines;

/// <summary>The running machines that this PowerShell process has seen. One QEMU process stays one machine object, so that
/// two commands share what was found of its kernel and don't compete for its only monitor. Safe from any thread.</summary>
internal static class RunningMachines
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<(int Id, DateTime Start), VmiMachine> Known = [];

    /// <summary>The machines that run now. Those that ended since the last call are forgotten.</summary>
    public static IReadOnlyList<VmiMachine> Find(Action<VmiException> report)
    {
        List<VmiMachine> found = [];
        HashSet<(int, DateTime)> alive = [];
        foreach (VmiMachine machine in EngineAccess.FindMachines(report))
        {
            if (machine.ProcessId is not int id)
                continue;
            (int, DateTime) key = (id, StartOf(id));
            alive.Add(key);
            found.Add(Adopt(key, machine));
        }
        lock (Gate)
        {
            // Not disposed: another runspace may be reading it at this moment, and finds out by itself that it is lost.
            foreach ((int, DateTime) gone in Known.Keys.Where(key => !alive.Contains(key)).ToList())
                Known.Remove(gone);
        }
        return found;
    }

    /// <summary>Takes in a machine that was opened by its process id; gives the object that stands for that process from now on.</summary>
    public static VmiMachine Add(VmiMachine machine) => machine.ProcessId is int id ? Adopt((id, StartOf(id)), machine) : machine;

    /// <summary>Forgets a machine that was lost or closed.</summary>
    public static void Forget(VmiMachine machine)
    {
        lock (Gate)
        {
            foreach ((int, DateTime) key in Known.Where(pair => pair.Value == machine).Select(pair => pair.Key).ToList())
                Known.Remove(key);
        }
    }

    /// <summary>Closes every machine.</summary>
    public static void CloseAll()
    {
        lock (Gate)
        {
            foreach (VmiMachine machine in Known.Values)
                machine.Dispose();
            Known.Clear();
        }
    }

    private static VmiMachine Adopt((int, DateTime) key, VmiMachine machine)
    {
        lock (Gate)
        {
            if (!Known.TryGetValue(key, out VmiMachine? known))
            {
                Known.Add(key, machine);
                return machine;
            }
            if (known != machine)
                machine.Dispose();
            return known;
        }
    }

    /// <summary>When a process started: with the id it tells a process from a later one of the same id.</summary>
    private static DateTime StartOf(int processId)
    {
        try
        {
            using Process process = Process.GetProcessById(processId);
            return process.StartTime;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or Win32Exception or NotSupportedException)
        {
            return default;
        }
    }
}
