using System.Numerics;

namespace VmiPl.Machines.CommandLine;

/// <summary>What a QEMU command line says about the machine. What it doesn't say has QEMU's own default, or is null or empty.</summary>
internal sealed record QemuCommandLine
{
    private const ulong MiB = 1UL << 20;
    private const ulong DefaultMemory = 128 * MiB;
    private static readonly string[] Topology = ["drawers", "books", "sockets", "dies", "clusters", "modules", "cores", "threads"];

    /// <summary>The guest's name, or null.</summary>
    public string? Name { get; private init; }

    /// <summary>Bytes of RAM at start.</summary>
    public ulong MemoryBytes { get; private init; }

    /// <summary>vCPUs at start.</summary>
    public int VcpuCount { get; private init; }

    /// <summary>Accelerators in the order in which QEMU tries them; empty where none is named.</summary>
    public IReadOnlyList<string> Accelerators { get; private init; } = [];

    /// <summary>The machine type (<c>pc</c>, <c>q35</c>, <c>pc-i440fx-7.2</c>…), or null for the binary's default.</summary>
    public string? MachineType { get; private init; }

    /// <summary>The <c>max-ram-below-4g</c> option in bytes, or null.</summary>
    public ulong? MaxRamBelow4G { get; private init; }

    /// <summary>Monitors that wait for clients, QMP first.</summary>
    public IReadOnlyList<MonitorEndpoint> Monitors { get; private init; } = [];

    /// <summary>Blocks of RAM in the order of their guest addresses: one, or one for each NUMA node.</summary>
    public IReadOnlyList<RamBackend> RamBackends { get; private init; } = [];

    /// <summary>Reads a command line whose first element is the program. <paramref name="readFile"/> gives the text of a
    /// <c>-readconfig</c> file, or null where it can't be read. Never throws.</summary>
    public static QemuCommandLine Parse(IReadOnlyList<string> arguments, Func<string, string?>? readFile = null)
    {
        IReadOnlyList<OptionGroup> groups = OptionGroup.FromArguments([.. arguments.Skip(1)], readFile ?? (_ => null));
        Dictionary<string, string> machine = Merge(groups, "machine");
        ulong memory = MemoryOf(groups, machine);
        return new QemuCommandLine
        {
            Name = Last(groups, "name", "guest"),
            MemoryBytes = memory,
            VcpuCount = VcpusOf(groups, machine),
            Accelerators = AcceleratorsOf(groups, machine),
            MachineType = machine.GetValueOrDefault("type"),
            MaxRamBelow4G = OptionText.TryParseSize(machine.GetValueOrDefault("max-ram-below-4g"), 1, out ulong below) ? below : null,
            Monitors = MonitorsOf(groups),
            RamBackends = RamOf(groups, machine, memory),
        };
    }

    private static Dictionary<string, string> Merge(IReadOnlyList<OptionGroup> groups, string group)
    {
        var merged = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (OptionGroup one in groups.Where(g => g.Group == group))
        {
            foreach ((string key, string value) in one.Options)
                merged[key] = value;
        }
        return merged;
    }

    private static string? Last(IReadOnlyList<OptionGroup> groups, string group, string key) =>
        groups.LastOrDefault(g => g.Group == group && !string.IsNullOrEmpty(g[key]))?[key];

    private static ulong MemoryOf(IReadOnlyList<OptionGroup> groups, Dictionary<string, string> machine)
    {
        if (OptionText.TryParseSize(Last(groups, "memory", "size"), MiB, out ulong bytes) && bytes > 0)
            return bytes;
        if (OptionText.TryParseSize(machine.GetValueOrDefault("memory.size"), 1, out bytes) && bytes > 0)
            return bytes;
        // Without -m the size of the memory back end counts, if there is one.
        RamBackend? backend = BackendsOf(groups).GetValueOrDefault(machine.GetValueOrDefault("memory-backend", ""));
        return backend?.Size ?? DefaultMemory;
    }

    private static int VcpusOf(IReadOnlyList<OptionGroup> groups, Dictionary<string, string> machine)
    {
        Dictionary<string, string> smp = Merge(groups, "smp-opts");
        foreach ((string key, string value) in machine.Where(o => o.Key.StartsWith("smp.", StringComparison.Ordinal)))
            smp[key[4..]] = value;
        // hw/core/machine-smp.c: without cpus, maxcpus; without both, the product of what the topology names.
        var options = new OptionGroup("smp-opts", smp);
        if ((options.Number("cpus") ?? options.Number("maxcpus")) is { } count)
            return count;
        BigInteger product = Topology.Aggregate(BigInteger.One, (all, key) => all * (options.Number(key) ?? 1));
        return product <= int.MaxValue ? (int)product : 1;
    }

    private static string[] AcceleratorsOf(IReadOnlyList<OptionGroup> groups, Dictionary<string, string> machine)
    {
        string[] named = [.. groups.Where(g => g.Group == "accel").Select(g => g["accel"]).OfType<string>()];
        return named.Length > 0 ? named : machine.GetValueOrDefault("accel")?.Split(':', StringSplitOptions.RemoveEmptyEntries) ?? [];
    }

    private static MonitorEndpoint[] MonitorsOf(IReadOnlyList<OptionGroup> groups)
    {
        var chardevs = new Dictionary<string, OptionGroup>(StringComparer.Ordinal);
        foreach (OptionGroup chardev in groups.Where(g => g.Group == "chardev" && g["id"] is not null))
            chardevs[chardev["id"]!] = chardev;
        var found = new List<MonitorEndpoint?>();
        foreach (OptionGroup group in groups)
        {
            MonitorKind kind = group.Group is "qmp" or "qmp-pretty" || group["mode"] == "control" ? MonitorKind.Qmp : MonitorKind.Human;
            string value = group[""] ?? "";
            if (group.Group is "mon")
                found.Add(Chardev(kind, group["chardev"]));
            else if (group.Group is not ("qmp" or "qmp-pretty" or "monitor"))
                continue;
            else if (value.StartsWith("chardev:", StringComparison.Ordinal))
                found.Add(Chardev(kind, value["chardev:".Length..]));
            else
                found.Add(MonitorEndpoint.FromDevice(kind, value));
        }
        return [.. found.OfType<MonitorEndpoint>().Distinct().OrderBy(m => m.Kind)];

        MonitorEndpoint? Chardev(MonitorKind kind, string? id) =>
            id is not null && chardevs.TryGetValue(id, out OptionGroup? chardev) ? MonitorEndpoint.FromChardev(kind, chardev) : null;
    }

    private static Dictionary<string, RamBackend> BackendsOf(IReadOnlyList<OptionGroup> groups)
    {
        var backends = new Dictionary<string, RamBackend>(StringComparer.Ordinal);
        foreach (OptionGroup one in groups.Where(g => g.Group == "object"))
        {
            if (one["qom-type"]?.StartsWith("memory-backend-", StringComparison.Ordinal) == true && one["id"] is { } id
                && OptionText.TryParseSize(one["size"], 1, out ulong size))
                backends[id] = new RamBackend(id, size, one["mem-path"]);
        }
        return backends;
    }

    private static RamBackend[] RamOf(IReadOnlyList<OptionGroup> groups, Dictionary<string, string> machine, ulong memory)
    {
        Dictionary<string, RamBackend> backends = BackendsOf(groups);
        if (machine.TryGetValue("memory-backend", out string? id) && backends.TryGetValue(id, out RamBackend? whole))
            return [whole];
        RamBackend[] nodes = [.. groups
            .Where(g => g.Group == "numa" && g["type"] == "node" && g["memdev"] is not null)
            .Select((g, index) => (Node: g["nodeid"] is null ? index : g.Number("nodeid") ?? 0, Backend: backends.GetValueOrDefault(g["memdev"]!)))
            .Where(n => n.Backend is not null).OrderBy(n => n.Node).Select(n => n.Backend!)];
        return nodes.Length > 0 ? nodes : [new RamBackend("", memory, Last(groups, "mem-path", ""))];
    }
}
