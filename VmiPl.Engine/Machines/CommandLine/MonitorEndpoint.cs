using System.Globalization;
using System.Net;
using System.Net.Sockets;
using VmiPl.Errors;

namespace VmiPl.Machines.CommandLine;

/// <summary>Which language a monitor speaks.</summary>
internal enum MonitorKind
{
    /// <summary>QMP: JSON.</summary>
    Qmp,
    /// <summary>The human monitor: lines of text.</summary>
    Human,
}

/// <summary>A monitor that waits for clients: at a Unix socket's path (as QEMU was given it; a leading <c>@</c> for an abstract
/// one), at a TCP host and port, or at a socket that QEMU was handed as a file number.</summary>
internal sealed record MonitorEndpoint(MonitorKind Kind, string? Path = null, string? Host = null, int Port = 0, int? FileNumber = null)
{
    /// <summary>The path, <c>HOST:PORT</c>, or <c>fd:N</c>.</summary>
    public override string ToString() => Path
        ?? (Host is not null ? string.Create(CultureInfo.InvariantCulture, $"{Host}:{Port}")
            : string.Create(CultureInfo.InvariantCulture, $"fd:{FileNumber}"));

    /// <summary>The endpoint as words for a program that resolves no names and has another working directory: the kind
    /// (<c>qmp</c>, <c>hmp</c>) and an absolute path, <c>@NAME</c>, <c>ADDRESS:PORT</c> or <c>[ADDRESS]:PORT</c>. Throws
    /// <c>MonitorUnavailable</c> where the host's name has no address.</summary>
    public IReadOnlyList<string> ForAnotherProgram()
    {
        string kind = Kind == MonitorKind.Qmp ? "qmp" : "hmp";
        if (Path is not null)
            return [kind, Path.StartsWith('@') ? Path : System.IO.Path.GetFullPath(Path)];
        try
        {
            return [kind, new IPEndPoint(Dns.GetHostAddresses(Host ?? "")[0], Port).ToString()];
        }
        catch (Exception e) when (e is SocketException or ArgumentException or IndexOutOfRangeException)
        {
            throw new VmiException(VmiErrorCode.MonitorUnavailable, $"The monitor's host '{Host}' has no address: {e.Message}", ToString(), e);
        }
    }

    /// <summary>The endpoint of a <c>-qmp</c> or <c>-monitor</c> value (<c>unix:PATH,server=on</c>, <c>tcp:HOST:PORT,server</c>);
    /// null for one that nobody can connect to (stdio, none, client mode, telnet).</summary>
    public static MonitorEndpoint? FromDevice(MonitorKind kind, string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string scheme = colon < 0 ? text : text[..colon];
        if (scheme is not ("unix" or "tcp"))
            return null;
        Dictionary<string, string> options = OptionText.Parse(text[(colon + 1)..], "address");
        if (!options.IsOn("server") || options.IsOn("telnet") || options.IsOn("websocket"))
            return null;
        string address = options.GetValueOrDefault("address", "");
        return scheme == "unix" ? FromPath(kind, address, options) : FromHostAndPort(kind, address);
    }

    /// <summary>The endpoint of a <c>-chardev socket,…</c>; null as above.</summary>
    public static MonitorEndpoint? FromChardev(MonitorKind kind, OptionGroup chardev)
    {
        IReadOnlyDictionary<string, string> options = chardev.Options;
        // With mux on, a serial port of the guest may share the socket: not known to be a monitor alone.
        if (chardev["backend"] != "socket" || !options.IsOn("server")
            || options.IsOn("telnet") || options.IsOn("websocket") || options.IsOn("mux") || options.ContainsKey("tls-creds"))
            return null;
        if (chardev["path"] is { } path)
            return FromPath(kind, path, options);
        if (int.TryParse(chardev["fd"], NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            return new MonitorEndpoint(kind, FileNumber: number);
        return FromHostAndPort(kind, $"{chardev["host"]}:{chardev["port"]}");
    }

    private static MonitorEndpoint? FromPath(MonitorKind kind, string path, IReadOnlyDictionary<string, string> options) =>
        path.Length == 0 ? null : new MonitorEndpoint(kind, options.IsOn("abstract") ? "@" + path : path);

    private static MonitorEndpoint? FromHostAndPort(MonitorKind kind, string address)
    {
        int colon = address.LastIndexOf(':');
        if (colon < 0 || !int.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port)
            || port is 0 or > 65535)
            return null;
        string host = address[..colon].Trim('[', ']');
        // An empty host means every address; from here the local one will do.
        return new MonitorEndpoint(kind, Host: host is "" or "0.0.0.0" or "::" ? "localhost" : host, Port: port);
    }
}
