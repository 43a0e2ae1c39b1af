using System.Globalization;
using System.Text.RegularExpressions;
using VmiPl.Errors;

namespace VmiPl.Machines.ProcessMemory;

/// <summary>Guest RAM from the monitor's <c>info mtree -f</c>, <c>info memdev</c> and <c>gpa2hva</c>. Seen in QEMU 7.2, 10.0 and
/// 11.1, which print them alike: flat views with a list of address spaces (the guest's is <c>memory</c>) and lines such as
/// <c>0000000100000000-00000001bfffffff (prio 0, ram): pc.ram @00000000c0000000</c>.
/// <para>Of all that is mapped, guest RAM is what comes from a memory back end (video memory, firmware and device buffers do
/// not). On a PC the guest can switch 0xc0000 to 0xfffff between ROM and the RAM behind it at will: this map always has the RAM.</para></summary>
internal static partial class MemoryTree
{
    private const ulong VgaStart = 0xA0000, ShadowStart = 0xC0000, ShadowEnd = 0x100000;

    /// <summary>A piece of a RAM block, at a guest address.</summary>
    internal readonly record struct Piece(ulong Start, ulong Length, string Block, ulong Offset);

    /// <summary>Asks a monitor for the map. Throws <c>MonitorProtocol</c> where its answers make none.
    /// <paramref name="withHost"/> false leaves out where RAM lies in QEMU (for a source that reads through the monitor).</summary>
    public static RamMap Read(Func<string, string> command, bool withHost)
    {
        List<Piece> pieces = WithShadow(ParsePieces(command("info mtree -f"), ParseBackends(command("info memdev"))));
        var bases = new Dictionary<string, ulong?>(StringComparer.Ordinal);
        var segments = new List<RamSegment>();
        foreach (Piece piece in pieces)
        {
            if (!bases.TryGetValue(piece.Block, out ulong? start))
            {
                // One question for each block: a block is one run of memory in QEMU.
                start = withHost ? ParseHost(command(string.Create(CultureInfo.InvariantCulture, $"gpa2hva 0x{piece.Start:x}"))) - piece.Offset : 0;
                bases[piece.Block] = start;
            }
            if (start is { } block)
                segments.Add(new RamSegment(piece.Start, piece.Length, unchecked(block + piece.Offset)));
        }
        var map = new RamMap(segments);
        return map.Segments.Count > 0 ? map
            : throw new VmiException(VmiErrorCode.MonitorProtocol, "The monitor's description of the guest's memory was not understood.");
    }

    /// <summary>Ids of memory back ends in <c>info memdev</c>.</summary>
    internal static HashSet<string> ParseBackends(string text) =>
        [.. BackendLine().Matches(text).Select(m => m.Groups[1].Value)];

    /// <summary>Pieces of guest RAM in the address space <c>memory</c>. Where no back end is known, everything of kind RAM
    /// but video memory.</summary>
    internal static List<Piece> ParsePieces(string text, HashSet<string> backends)
    {
        var pieces = new List<Piece>();
        bool inMemory = false;
        foreach (string line in text.Split('\n'))
        {
            if (line.StartsWith("FlatView", StringComparison.Ordinal))
            {
                if (inMemory)
                    break;
            }
            else if (line.StartsWith(" AS \"memory\",", StringComparison.Ordinal))
            {
                inMemory = true;
            }
            else if (inMemory && PieceLine().Match(line) is { Success: true } match)
            {
                ulong start = Hex(match.Groups[1].Value), last = Hex(match.Groups[2].Value);
                string block = match.Groups[4].Value;
                ulong offset = match.Groups[5].Success ? Hex(match.Groups[5].Value) : 0;
                if (IsRam(match.Groups[3].Value, block, backends) && last >= start && last - start < ulong.MaxValue)
                    pieces.Add(new Piece(start, last - start + 1, block, offset));
            }
        }
        return pieces;
    }

    /// <summary>The host address in <c>Host virtual address for 0x0 (pc.ram) is 0x7fce17e00000</c>, or null.</summary>
    internal static ulong? ParseHost(string text) =>
        HostLine().Match(text) is { Success: true } match ? Hex(match.Groups[1].Value) : null;

    private static bool IsRam(string kind, string block, HashSet<string> backends) =>
        // A piece that the guest has write-protected shows as rom, a persistent one as nv-ram.
        kind is "ram" or "rom" or "nv-ram"
        && (backends.Count > 0
            // Older machine types name blocks by their object's path: /objects/mem0.
            ? backends.Contains(block[(block.LastIndexOf('/') + 1)..])
            : kind != "rom" && !block.Contains("vram", StringComparison.Ordinal));

    private static List<Piece> WithShadow(List<Piece> pieces)
    {
        Piece low = pieces.FirstOrDefault(p => p.Start == 0 && p.Offset == 0 && p.Length >= VgaStart);
        bool isPc = low.Length is >= VgaStart and < ShadowEnd
            && pieces.Any(p => p.Block == low.Block && p.Start == p.Offset && p.Start <= ShadowEnd && p.Start + p.Length > ShadowEnd);
        if (!isPc)
            return pieces;
        IEnumerable<Piece> others = pieces
            .Where(p => p.Start + p.Length > ShadowEnd)
            .Select(p => p.Start < ShadowEnd ? p with { Start = ShadowEnd, Length = p.Length - (ShadowEnd - p.Start), Offset = p.Offset + (ShadowEnd - p.Start) } : p);
        return [low with { Length = VgaStart }, low with { Start = ShadowStart, Length = ShadowEnd - ShadowStart, Offset = ShadowStart }, .. others];
    }

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^  ([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?[0-9]+, ([a-z/-]+)\): (\S+)(?: @([0-9a-f]{16}))?", RegexOptions.CultureInvariant)]
    private static partial Regex PieceLine();

    [GeneratedRegex(@"^memory backend: (\S+)\s*$", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex BackendLine();

    [GeneratedRegex(@"is 0x([0-9a-f]{1,16})\s*$", RegexOptions.CultureInvariant)]
    private static partial Regex HostLine();
}
