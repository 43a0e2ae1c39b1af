using System.Globalization;
using System.Text.Json;
using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Machines.CommandLine;
using VmiPl.Machines.Processes;

namespace VmiPl.Streams.Network;

/// <summary>Every frame to and from one virtual NIC of a running machine, each once, from <see cref="Start"/> until it is disposed, which
/// leaves nothing behind in QEMU and waits for the last frames. The guest is neither stalled nor harmed if this process is too
/// slow, stopped or killed: see <see cref="QemuPipe"/>.</summary>
public abstract class NetworkCapture : IDisposable
{
    private protected NetworkCapture()
    {
    }

    /// <summary>How it is done, for people: <c>filter-dump on netdev n0</c>.</summary>
    public abstract string Description { get; }

    /// <summary>Begins to capture. <paramref name="sink"/> is called on a thread of the capture. Throws <c>InvalidArgument</c> where the machine has no such
    /// NIC, <c>NotSupported</c> where its frames pass neither QEMU nor an interface of this host, <c>AccessDenied</c> where this
    /// user may not capture, and what the monitor throws.</summary>
    public static NetworkCapture Start(VmiMachine machine, string macAddress, ICaptureSink sink)
    {
        int processId = machine.ProcessId ?? throw new VmiException(
            VmiErrorCode.NotSupported, $"The frames of '{machine.Name}' cannot be captured: its QEMU process cannot be seen from here.", machine.Name);
        IMachineMonitor monitor = machine.GetMonitor();
        NetworkBackend backend = NetworkBackend.Find(monitor.HumanCommand("info network"), macAddress);
        if (!BypassesQemu(processId, backend))
            return new FilterDumpCapture(machine, processId, monitor, backend, sink);
        string name = InterfaceOf(processId, backend) ?? throw new VmiException(
            VmiErrorCode.NotSupported,
            $"The frames of NIC {macAddress} ({backend.Type} '{backend.Name}') pass neither QEMU nor an interface of this host; capture them where they go.",
            macAddress);
        return new InterfaceCapture(processId, name, sink);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends the capture.</summary>
    protected abstract void Dispose(bool disposing);

    /// <summary>Whether the frames go from the guest to the kernel, or to another process, without QEMU: its filters would see nothing. The monitor
    /// does not tell of vhost, the command line does; for what was plugged in later, that QEMU has the device open.</summary>
    private static bool BypassesQemu(int processId, NetworkBackend backend)
    {
        if (backend.Type is "vhost-user" or "vhost-vdpa")
            return true;
        if (backend.Type is not "tap")
            return false;
        bool hasDevice = ProcFs.OpenFiles(processId).Any(file => file.Target == "/dev/vhost-net");
        return VhostOf(ProcFs.Arguments(processId), backend.Name) ?? hasDevice;
    }

    /// <summary>What a command line says about vhost of that netdev; null where it does not name the netdev.</summary>
    internal static bool? VhostOf(IReadOnlyList<string> arguments, string netdev)
    {
        for (int i = 0; i + 1 < arguments.Count; i++)
        {
            if (arguments[i] is not ("-netdev" or "--netdev" or "-nic" or "--nic"))
                continue;
            Dictionary<string, string> options = OptionsOf(arguments[i + 1]);
            if (options.GetValueOrDefault("id") == netdev)
                return options.Any(o => o.Key is "vhost" or "vhostforce" && o.Value is "on" or "yes" or "true")
                    || (!options.ContainsKey("vhost") && (options.ContainsKey("vhostfd") || options.ContainsKey("vhostfds")));
        }
        return null;
    }

    private static Dictionary<string, string> OptionsOf(string text)
    {
        if (!text.StartsWith('{'))
            return OptionText.Parse(text, "type");
        try
        {
            using JsonDocument json = JsonDocument.Parse(text);
            var options = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty property in json.RootElement.EnumerateObject())
                options[property.Name] = property.Value.ValueKind == JsonValueKind.True ? "on" : property.Value.ToString();
            return options;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return [];
        }
    }

    /// <summary>The host's interface of a tap: by its name, or by what the kernel says of the open file (man 5 proc, fdinfo <c>iff:</c>).</summary>
    private static string? InterfaceOf(int processId, NetworkBackend backend)
    {
        if (backend.Type != "tap")
            return null;
        if (backend.InterfaceName is { } name)
            return name;
        if (backend.Descriptor is not { } number)
            return null;
        string facts = ProcFs.ReadText(processId, string.Create(CultureInfo.InvariantCulture, $"fdinfo/{number}"), out _) ?? "";
        return facts.Split('\n').FirstOrDefault(l => l.StartsWith("iff:", StringComparison.Ordinal))?[4..].Trim();
    }
}
