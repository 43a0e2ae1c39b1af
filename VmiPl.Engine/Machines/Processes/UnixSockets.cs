using System.Globalization;

namespace VmiPl.Machines.Processes;

/// <summary>The Unix sockets of a process's network namespace (<c>/proc/PID/net/unix</c>): which inode has which path.</summary>
internal static class UnixSockets
{
    private const string Accepting = "00010000";   // __SO_ACCEPTCON: it listens

    /// <summary>Paths of listening sockets by inode. Abstract ones have a leading <c>@</c>. Empty where it can't be read.</summary>
    public static Dictionary<ulong, string> Listening(int processId) => Parse(ProcFs.ReadText(processId, "net/unix", out _) ?? "");

    /// <summary>The inode of a socket among open files (<c>socket:[1234]</c>), or null for anything else.</summary>
    public static ulong? InodeOf(string openFile) =>
        openFile.StartsWith("socket:[", StringComparison.Ordinal) && openFile.EndsWith(']')
        && ulong.TryParse(openFile.AsSpan(8, openFile.Length - 9), NumberStyles.None, CultureInfo.InvariantCulture, out ulong inode)
            ? inode : null;

    /// <summary>Paths of listening sockets by inode, from the file's text.</summary>
    internal static Dictionary<ulong, string> Parse(string text)
    {
        var paths = new Dictionary<ulong, string>();
        foreach (string line in text.Split('\n'))
        {
            // Num RefCount Protocol Flags Type St Inode Path
            string[] fields = line.Split(' ', 8, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length == 8 && fields[3] == Accepting
                && ulong.TryParse(fields[6], NumberStyles.None, CultureInfo.InvariantCulture, out ulong inode))
                paths[inode] = fields[7];
        }
        return paths;
    }
}
