using System.Text.RegularExpressions;
using VmiPl.Errors;

namespace VmiPl.Streams.Network;

/// <summary>The host's side of a virtual NIC: its name, QEMU's type (<c>user</c>, <c>tap</c>…) and what else <c>info network</c> says.</summary>
internal sealed partial record NetworkBackend(string Name, string Type, string Details)
{
    /// <summary>The host's interface behind a tap, or null where QEMU was given it as an open file.</summary>
    public string? InterfaceName => Interface().Match(Details) is { Success: true } match ? match.Groups[1].Value : null;

    /// <summary>The number of QEMU's open file of a tap that it was given, or null.</summary>
    public int? Descriptor => Number().Match(Details) is { Success: true } match && int.TryParse(match.Groups[1].ValueSpan, out int number) ? number : null;

    /// <summary>Finds the back end of the NIC with that address in the text of <c>info network</c>, the only place that has every NIC and its peer
    /// (QMP's query-rx-filter knows virtio's and few more). Seen with QEMU 7.2 and 10.0: a line <c>NIC: index=0,type=nic,model=…,macaddr=…</c>, below it
    /// <c> \ NETDEV: index=0,type=…,…</c>. Throws <c>InvalidArgument</c> where no NIC has the address, more than one has, or
    /// nothing is plugged into it.</summary>
    public static NetworkBackend Find(string text, string mac)
    {
        string[] lines = text.Split('\n');
        var addresses = new List<string>();
        var found = new List<NetworkBackend?>();
        for (int i = 0; i < lines.Length; i++)
        {
            if (Nic().Match(lines[i]) is not { Success: true } nic)
                continue;
            addresses.Add(nic.Groups["mac"].Value);
            if (!nic.Groups["mac"].Value.Equals(mac, StringComparison.OrdinalIgnoreCase))
                continue;
            Match peer = i + 1 < lines.Length ? Peer().Match(lines[i + 1]) : Match.Empty;
            found.Add(peer.Success ? new NetworkBackend(peer.Groups["name"].Value, peer.Groups["type"].Value, peer.Groups["rest"].Value.TrimEnd()) : null);
        }
        // A NIC of several queues has a line for each, with the same peer.
        NetworkBackend?[] distinct = [.. found.DistinctBy(f => f?.Name)];
        return distinct switch
        {
            [{ } one] => one,
            [] => throw Fail($"No NIC of the machine has the address {mac}; it has {(addresses.Count > 0 ? string.Join(", ", addresses) : "no NIC")}."),
            [null] => throw Fail($"Nothing is plugged into the NIC {mac}: no frame passes it."),
            _ => throw Fail($"{distinct.Length} NICs of the machine have the address {mac}."),
        };

        VmiException Fail(string message) => new(VmiErrorCode.InvalidArgument, message, mac);
    }

    [GeneratedRegex(@"^.*: index=\d+,type=nic,.*\bmacaddr=(?<mac>[0-9a-fA-F:]{17})", RegexOptions.CultureInvariant)]
    private static partial Regex Nic();

    [GeneratedRegex(@"^ \\ (?<name>.+?): index=\d+,type=(?<type>[^,\s]+),?(?<rest>.*)$", RegexOptions.CultureInvariant)]
    private static partial Regex Peer();

    [GeneratedRegex(@"(?:^|,)ifname=([^,\s]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Interface();

    [GeneratedRegex(@"(?:^|,)fd=(\d+)", RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
