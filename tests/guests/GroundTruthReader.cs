using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace VmiPl.TestGuests;

/// <summary>Decodes what the agent wrote to its disk (<c>agent/disk.c</c> has the format).</summary>
internal static partial class GroundTruthReader
{
    private const uint KernelThreadFlag = 0x00200000; // PF_KTHREAD, include/linux/sched.h
    private const int LongestComm = 15;

    public static GroundTruth Read(ReadOnlySpan<byte> stream)
    {
        var files = Files(stream);
        var tasks = files.Keys.Select(name => TaskFolder().Match(name)).Where(m => m.Success)
            .Select(m => Task(files, m.Groups[1].Value, m.Groups[2].Value)).OfType<GuestTask>()
            .OrderBy(t => t.Pid).ToList();
        return new GroundTruth(files, tasks);
    }

    /// <summary>The files in the stream, by name.</summary>
    public static Dictionary<string, byte[]> Files(ReadOnlySpan<byte> stream)
    {
        var pieces = new Dictionary<string, MemoryStream>();
        while (true)
        {
            var nameSize = BinaryPrimitives.ReadInt32LittleEndian(stream);
            var dataSize = BinaryPrimitives.ReadInt32LittleEndian(stream[4..]);
            if (nameSize == 0)
                return pieces.ToDictionary(p => p.Key, p => p.Value.ToArray());
            var name = Encoding.UTF8.GetString(stream.Slice(8, nameSize));
            if (!pieces.TryGetValue(name, out var content))
                pieces[name] = content = new MemoryStream();
            content.Write(stream.Slice(8 + nameSize, dataSize));
            stream = stream[(8 + nameSize + dataSize)..];
        }
    }

    private static GuestTask? Task(Dictionary<string, byte[]> files, string group, string id)
    {
        // A task that ended between the two reads has no status.
        if (!files.TryGetValue($"/proc/{group}/task/{id}/status", out var statusBytes))
            return null;
        var stat = files[$"/proc/{group}/task/{id}/stat"];
        // The name stands in parentheses and may hold parentheses and spaces itself: it ends at the last one.
        var open = Array.IndexOf(stat, (byte)'(');
        var close = Array.LastIndexOf(stat, (byte)')');
        var fields = Encoding.ASCII.GetString(stat, close + 2, stat.Length - close - 2).Trim().Split(' ');
        var status = Status(Encoding.Latin1.GetString(statusBytes));
        var kernel = (ulong.Parse(fields[6], CultureInfo.InvariantCulture) & KernelThreadFlag) != 0;
        var reported = stat[(open + 1)..close];
        var comm = kernel ? KernelComm(reported) : reported;
        return new GuestTask
        {
            Pid = Number(id),
            ThreadGroupId = Number(group),
            ParentPid = Number(fields[1]),
            State = fields[0][0],
            CommBytes = comm,
            Comm = Encoding.UTF8.GetString(comm),
            ReportedName = Encoding.UTF8.GetString(reported),
            ExePath = files.TryGetValue($"/proc/{group}/task/{id}/exe", out var exe) ? Encoding.UTF8.GetString(exe) : null,
            Uid = uint.Parse(status["Uid"].Split('\t')[0], CultureInfo.InvariantCulture),
            StartTicks = ulong.Parse(fields[19], CultureInfo.InvariantCulture),
            Threads = Number(fields[17]),
            NamespacePids = [.. status["NSpid"].Split('\t').Select(Number)],
            IsKernelThread = kernel,
        };
    }

    /// <summary>/proc shows a kernel thread's full name, and a worker's with what it works on (fs/proc/array.c,
    /// proc_task_name); the kernel's <c>comm</c> is the name's first 15 bytes without that.</summary>
    private static byte[] KernelComm(byte[] reported)
    {
        var name = Encoding.Latin1.GetString(reported);
        var worker = Worker().Match(name);
        if (worker.Success)
            name = worker.Value;
        return Encoding.Latin1.GetBytes(name[..Math.Min(name.Length, LongestComm)]);
    }

    private static Dictionary<string, string> Status(string text) => text.Split('\n')
        .Select(l => l.Split(":\t", 2)).Where(f => f.Length == 2).DistinctBy(f => f[0]).ToDictionary(f => f[0], f => f[1].Trim());

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex("^/proc/([0-9]+)/task/([0-9]+)/stat$")]
    private static partial Regex TaskFolder();

    [GeneratedRegex(@"^kworker/(u?\d+:\d+\w?)")]
    private static partial Regex Worker();
}
