using System.Globalization;

namespace VmiPl.Machines.Processes;

/// <summary>One line of <c>/proc/PID/maps</c> (man 5 proc): addresses, permissions, and the file behind it, if any.
/// <see cref="Inode"/> is 0 for anonymous memory.</summary>
internal sealed record ProcessMapping(
    ulong Start, ulong End, string Permissions, ulong Offset, uint DeviceMajor, uint DeviceMinor, ulong Inode, string Path)
{
    /// <summary>Length in bytes.</summary>
    public ulong Length => End - Start;

    /// <summary>Whether the process may read and write it.</summary>
    public bool IsReadWrite => Permissions.StartsWith("rw", StringComparison.Ordinal);

    /// <summary>Whether writes reach the file behind it.</summary>
    public bool IsShared => Permissions.Length > 3 && Permissions[3] == 's';

    /// <summary>The mappings of a process, in ascending order; null with the error number where they can't be read.</summary>
    public static IReadOnlyList<ProcessMapping>? ReadAll(int processId, out int error) =>
        ProcFs.ReadText(processId, "maps", out error) is { } text ? Parse(text) : null;

    /// <summary>The mappings in a text; lines that are none are skipped.</summary>
    public static IReadOnlyList<ProcessMapping> Parse(string text)
    {
        var mappings = new List<ProcessMapping>();
        foreach (string line in text.Split('\n'))
        {
            if (TryParseLine(line) is { } mapping)
                mappings.Add(mapping);
        }
        return mappings;
    }

    /// <summary>Joins neighbours that were one mapping before an <c>madvise</c> on a part of it split them: same permissions,
    /// same backing, offsets that go on.</summary>
    public static IReadOnlyList<ProcessMapping> Join(IReadOnlyList<ProcessMapping> mappings)
    {
        var joined = new List<ProcessMapping>();
        foreach (ProcessMapping next in mappings)
        {
            if (joined.Count > 0 && joined[^1].Continues(next))
                joined[^1] = joined[^1] with { End = next.End };
            else
                joined.Add(next);
        }
        return joined;
    }

    private bool Continues(ProcessMapping next) =>
        End == next.Start && Permissions == next.Permissions && Path == next.Path
        && DeviceMajor == next.DeviceMajor && DeviceMinor == next.DeviceMinor && Inode == next.Inode
        && (Inode == 0 || Offset + Length == next.Offset);

    private static ProcessMapping? TryParseLine(string line)
    {
        // 7f0000000000-7f0008000000 rw-s 00000000 00:01 2049   /memfd:ram (deleted)
        string[] fields = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 5)
            return null;
        string[] addresses = fields[0].Split('-'), device = fields[3].Split(':');
        if (addresses.Length != 2 || device.Length != 2)
            return null;
        bool whole = TryHex(addresses[0], out ulong start) & TryHex(addresses[1], out ulong end) & TryHex(fields[2], out ulong offset)
            & TryHex(device[0], out ulong major) & TryHex(device[1], out ulong minor)
            & ulong.TryParse(fields[4], NumberStyles.None, CultureInfo.InvariantCulture, out ulong inode);
        return whole && end > start
            ? new ProcessMapping(start, end, fields[1], offset, (uint)major, (uint)minor, inode, fields.Length > 5 ? fields[5].Trim() : "")
            : null;
    }

    private static bool TryHex(string text, out ulong value) =>
        ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
}
