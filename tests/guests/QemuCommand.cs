namespace VmiPl.TestGuests;

/// <summary>Turns options into QEMU's command line.</summary>
internal static class QemuCommand
{
    /// <summary>The QEMU that the options mean, as a full path where it can be found.</summary>
    public static string Program(GuestOptions options)
    {
        var setting = Environment.GetEnvironmentVariable("VMIPL_QEMU");
        var name = options.Qemu ?? (setting is { Length: > 0 } ? setting : "qemu-system-x86_64");
        return Command.Find(name) ?? throw new GuestException($"{name} is needed (Debian: qemu-system-x86).");
    }

    /// <summary>The arguments; <paramref name="folder"/> is the guest's private folder.</summary>
    public static List<string> Arguments(GuestOptions options, InstalledKernel kernel, string name, string folder)
    {
        string InFolder(string file) => Path.Combine(folder, file);
        List<string> arguments = ["-name", name, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"];
        if (options.QemuDataFolder is { } data)
            arguments.AddRange(["-L", data]);
        arguments.AddRange([
            "-accel", options.Accelerator == GuestAccelerator.Kvm ? "kvm" : "tcg", "-cpu", Cpu(options),
            "-smp", $"{options.Vcpus}", "-m", $"{options.MemoryMiB}",
            "-machine", options.Machine + (options.Ram == RamBackend.Private ? "" : ",memory-backend=ram"),
        ]);
        var size = $"id=ram,size={options.MemoryMiB}M,share=on";
        if (options.Ram == RamBackend.SharedMemfd)
            arguments.AddRange(["-object", $"memory-backend-memfd,{size}"]);
        if (options.Ram == RamBackend.SharedFile)
            arguments.AddRange(["-object", $"memory-backend-file,{size},mem-path={InFolder("ram")}"]);
        if (options.Monitor == MonitorKind.Qmp)
            arguments.AddRange(["-qmp", $"unix:{InFolder("monitor")},server=on,wait=off"]);
        if (options.Monitor == MonitorKind.Hmp)
            arguments.AddRange(["-monitor", $"unix:{InFolder("monitor")},server=on,wait=off"]);
        arguments.AddRange([
            "-serial", $"file:{InFolder("console")}",
            "-chardev", $"socket,id=control,path={InFolder("control")}", "-serial", "chardev:control",
            "-drive", $"if=none,id=truth,format=raw,file={InFolder("truth")}", "-device", "virtio-blk-pci,drive=truth",
            "-kernel", kernel.Image, "-initrd", InFolder("initramfs"), "-append", KernelArguments(options),
        ]);
        arguments.AddRange(options.QemuArguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        return arguments;
    }

    // no_timer_check: an emulated machine on a busy host may miss the ticks by which the kernel checks its timer.
    private static string KernelArguments(GuestOptions options) => string.Join(' ', new[]
    {
        "console=ttyS0 loglevel=4 panic=-1 no_timer_check",
        options.Kaslr ? "" : "nokaslr",
        options.PageTableIsolation ? "pti=on" : "",
        options.ExtraProcesses > 0 ? $"vmipl.extra={options.ExtraProcesses}" : "",
        options.KernelArguments,
    }.Where(word => word.Length > 0));

    private static string Cpu(GuestOptions options) => options switch
    {
        { Accelerator: GuestAccelerator.Kvm, CpuModel: "max" } => "host",
        { Kernel.Architecture: GuestArchitecture.I386 } or not { CpuModel: "max" } => options.CpuModel,
        _ => options.CpuModel + (options.FiveLevelPaging ? ",la57=on" : ",la57=off"),
    };
}
