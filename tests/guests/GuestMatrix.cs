namespace VmiPl.TestGuests;

/// <summary>One configuration of the matrix, with a name for people.</summary>
public sealed record GuestConfiguration(string Name, GuestOptions Options)
{
    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>
/// The configurations that every reading test goes through. Ten per 64-bit kernel, chosen so that any two values of
/// different factors meet in one of them at least: kernel address (random, fixed), page-table isolation with the vCPUs held
/// in user mode (on, off), paging levels (4, 5), vCPUs (1, 4), RAM (256 MiB, 6 GiB), machine (i440fx, q35), RAM back end
/// (private, memfd, file), monitor (QMP, none). A test checks that they do.
/// </summary>
public static class GuestMatrix
{
    /// <summary>The configurations of the two 64-bit kernels that every test run covers.</summary>
    public static IReadOnlyList<GuestConfiguration> Amd64 { get; } = [.. For(GuestKernel.Amd64_6_1), .. For(GuestKernel.Amd64_6_12)];

    /// <summary>The 32-bit ones, without and with PAE.</summary>
    public static IReadOnlyList<GuestConfiguration> I386 { get; } =
    [
        Named(new GuestOptions { Kernel = GuestKernel.I386, MemoryMiB = 512 }),
        Named(new GuestOptions { Kernel = GuestKernel.I386, MemoryMiB = 2048, Vcpus = 4, Kaslr = false, Machine = "q35",
            Ram = RamBackend.SharedMemfd, Monitor = MonitorKind.None }),
        Named(new GuestOptions { Kernel = GuestKernel.I386Pae, MemoryMiB = 6144, Machine = "q35" }),
        Named(new GuestOptions { Kernel = GuestKernel.I386Pae, MemoryMiB = 512, Vcpus = 4, Kaslr = false,
            Ram = RamBackend.SharedMemfd, Monitor = MonitorKind.None }),
        Named(new GuestOptions { Kernel = GuestKernel.I386Pae, MemoryMiB = 1024, PageTableIsolation = true, Spinning = true }),
    ];

    /// <summary>Everything.</summary>
    public static IReadOnlyList<GuestConfiguration> All { get; } = [.. Amd64, .. I386];

    /// <summary>A few that show most: for tests that are too slow for all.</summary>
    public static IReadOnlyList<GuestConfiguration> Few { get; } =
        [Amd64[0], For(GuestKernel.Amd64_6_12)[3], I386[0], I386[2]];

    /// <summary>The configuration of this name; for test data that must be plain text.</summary>
    public static GuestConfiguration Find(string name) => All.First(c => c.Name == name);

    /// <summary>The ten configurations for a 64-bit kernel.</summary>
    public static IReadOnlyList<GuestConfiguration> For(GuestKernel kernel)
    {
        const RamBackend Private = RamBackend.Private, Memfd = RamBackend.SharedMemfd, Shared = RamBackend.SharedFile;
        // (Row by row: KASLR, isolation and spinning, 5 levels, vCPUs, MiB, machine, back end, monitor)
        return
        [
            Row(true, false, false, 1, 256, "pc", Private, true),
            Row(false, true, true, 4, 6144, "q35", Private, true),
            Row(true, true, true, 4, 256, "pc", Memfd, false),
            Row(false, false, true, 1, 6144, "pc", Memfd, true),
            Row(false, false, false, 4, 256, "q35", Memfd, false),
            Row(true, true, false, 1, 6144, "q35", Shared, false),
            Row(true, false, true, 4, 6144, "q35", Memfd, true),
            Row(false, true, true, 1, 256, "q35", Shared, true),
            Row(false, true, false, 4, 6144, "pc", Private, false),
            Row(true, false, true, 4, 256, "pc", Shared, false),
        ];

        GuestConfiguration Row(bool kaslr, bool isolation, bool five, int vcpus, int memory, string machine, RamBackend ram, bool monitor) =>
            Named(new GuestOptions
            {
                Kernel = kernel, Kaslr = kaslr, PageTableIsolation = isolation, Spinning = isolation, FiveLevelPaging = five,
                Vcpus = vcpus, MemoryMiB = memory, Machine = machine, Ram = ram,
                Monitor = monitor ? MonitorKind.Qmp : MonitorKind.None,
            });
    }

    private static GuestConfiguration Named(GuestOptions o) => new(string.Join(' ', new[]
    {
        o.Kernel.Name, o.Machine, $"{o.Vcpus} vCPU", $"{o.MemoryMiB} MiB", o.Kaslr ? "KASLR" : "nokaslr",
        o.PageTableIsolation ? "PTI" : "", o.Spinning ? "in user mode" : "", o.FiveLevelPaging ? "5-level" : "",
        o.Ram.ToString(), o.Monitor == MonitorKind.None ? "no monitor" : o.Monitor.ToString(),
    }.Where(word => word.Length > 0)), o);
}
