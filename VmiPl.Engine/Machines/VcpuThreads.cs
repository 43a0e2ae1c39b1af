using System.Globalization;
using System.Text.RegularExpressions;
using VmiPl.Errors;

namespace VmiPl.Machines;

/// <summary>The threads in which QEMU runs a machine's vCPUs.</summary>
public static partial class VcpuThreads
{
    /// <summary>Each vCPU's index and its thread's id, in ascending order. Throws <c>MonitorUnavailable</c>, <c>MonitorProtocol</c> where QEMU's answer
    /// was not understood, and what <see cref="IMachineMonitor"/> throws.</summary>
    public static IReadOnlyList<(int Vcpu, int Thread)> Read(VmiMachine machine)
    {
        List<(int, int)> threads = Parse(machine.GetMonitor().HumanCommand("info cpus"));
        return threads.Count > 0 ? threads
            : throw new VmiException(VmiErrorCode.MonitorProtocol, $"QEMU does not tell the threads of the vCPUs of '{machine.Name}'.", machine.Name);
    }

    /// <summary>Lines such as <c>* CPU #0: thread_id=4711</c> (7.2, 10.0, 11.1).</summary>
    internal static List<(int Vcpu, int Thread)> Parse(string text)
    {
        var threads = new SortedDictionary<int, int>();
        foreach (Match match in Line().Matches(text))
        {
            if (int.TryParse(match.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int vcpu)
                && int.TryParse(match.Groups[2].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int thread))
                threads[vcpu] = thread;
        }
        return [.. threads.Select(pair => (pair.Key, pair.Value))];
    }

    [GeneratedRegex(@"CPU #([0-9]+):.*?thread_id=([0-9]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Line();
}
