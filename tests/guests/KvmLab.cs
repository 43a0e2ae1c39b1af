using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace VmiPl.TestGuests;

/// <summary>
/// Runs a command of this host where <c>/dev/kvm</c> is a real <c>kvm_amd</c>, on any host: in an emulated machine with SVM that boots
/// Debian's kernel and sees the host's file system, read-only under a layer of its own. Nothing of the host is changed but
/// what the command writes to the shared folder, no right of root is needed, and the machine ends with this process. There is
/// no network in there but the loopback.
/// </summary>
public static class KvmLab
{
    /// <summary>Whether this process runs in the lab.</summary>
    public static bool IsInside => Environment.GetEnvironmentVariable("VMIPL_LAB") == "1";

    /// <summary>What this host lacks for it, in words; empty if it can run. Fetches nothing.</summary>
    public static IReadOnlyList<string> Missing() => GuestRequirements.Missing(new LabOptions().Kernel) is { Count: > 0 } missing
        ? missing : LabQemu.Missing() is { } text ? [text] : [];

    /// <summary>Runs <paramref name="command"/> (a program of the host's and its arguments) and waits for its end.</summary>
    /// <exception cref="GuestException">Something is missing on this host, the time is up, or the machine ended before the command did:
    /// the message has its console and output.</exception>
    public static async Task<LabResult> RunAsync(IReadOnlyList<string> command, LabOptions? options = null, CancellationToken cancel = default)
    {
        options ??= new LabOptions();
        var qemu = LabQemu.Find();
        var kernel = options.Kernel.Install();
        // Made here, where a compiler is fast, for the guests in there.
        AgentBuild.ForGuest(GuestArchitecture.Amd64);
        AgentBuild.ForGuest(GuestArchitecture.I386);
        var folder = Directory.CreateTempSubdirectory("vmipl-lab-").FullName;
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        RunningQemu? machine = null;
        var clock = Stopwatch.StartNew();
        try
        {
            WriteInitramfs(Path.Combine(folder, "initramfs"), kernel, Description(command, options));
            listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(folder, "output")));
            listener.Listen(1);
            machine = new RunningQemu(folder, qemu.Program, Arguments(qemu, kernel, options, folder),
                qemu.ModuleFolder is { } modules ? [$"QEMU_MODULE_DIR={modules}"] : []);
            var output = new StringBuilder();
            await EndAsync(machine, listener, options, output, folder, cancel).ConfigureAwait(false);
            var status = ReadText(Path.Combine(folder, "status"));
            if (!int.TryParse(status, CultureInfo.InvariantCulture, out var code))
                throw new GuestException($"The KVM lab ended without its command's exit status: {await machine.Ended.ConfigureAwait(false)}" +
                    $"\nThe command's output:\n{output}\nThe lab's console:\n{ReadText(Path.Combine(folder, "console"))}");
            return new LabResult(code, output.ToString(), clock.Elapsed);
        }
        finally
        {
            machine?.Dispose();
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>As <see cref="RunAsync"/>, for a person: the output goes to the console as it comes; gives the exit code.</summary>
    public static int Run(IReadOnlyList<string> command, string? sharedFolder = null) => RunAsync(command, new LabOptions
    {
        SharedFolder = sharedFolder,
        WorkingFolder = Environment.CurrentDirectory,
        Timeout = TimeSpan.FromHours(2),
        Output = Console.Out.Write,
    }).GetAwaiter().GetResult().ExitCode;

    // The output ends when QEMU hangs up, which it does only when it ends.
    private static async Task EndAsync(RunningQemu machine, Socket listener, LabOptions options, StringBuilder output, string folder, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(options.Timeout);
        try
        {
            var accepted = listener.AcceptAsync(limit.Token).AsTask();
            if (await Task.WhenAny(accepted, machine.Ended).ConfigureAwait(false) != accepted)
                return;
            using var port = await accepted.ConfigureAwait(false);
            var bytes = new byte[1 << 16];
            var decoder = Encoding.UTF8.GetDecoder();
            var letters = new char[bytes.Length];
            while (await port.ReceiveAsync(bytes, limit.Token).ConfigureAwait(false) is > 0 and var count)
            {
                var text = new string(letters, 0, decoder.GetChars(bytes.AsSpan(0, count), letters, flush: false));
                output.Append(text);
                options.Output?.Invoke(text);
            }
            await machine.Ended.WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset)
        {
            // QEMU is gone; whether its command had ended is in the status.
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new GuestException($"The KVM lab's command was not done within {options.Timeout}.\nIts output:\n{output}" +
                $"\nThe lab's console:\n{ReadText(Path.Combine(folder, "console"))}");
        }
    }

    // agent/lab.c has the format. env finds the program on the PATH.
    private static byte[] Description(IReadOnlyList<string> command, LabOptions options)
    {
        // What is on the way in there: the terminal, the session and the host's temporary folder mean nothing there.
        var own = Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .Select(pair => $"{pair.Key}={pair.Value}").Where(IsWanted);
        string[] texts =
        [
            options.SharedFolder ?? "", options.WorkingFolder, "/usr/bin/env", .. command, "",
            .. own, "TMPDIR=/dev/shm", "VMIPL_LAB=1", "VMIPL_ACCELERATOR=kvm", .. options.Environment, "",
        ];
        return Encoding.UTF8.GetBytes(string.Concat(texts.Select(text => text + "\0")));
    }

    private static bool IsWanted(string variable) =>
        variable.Split('=')[0] is "PATH" or "HOME" or "LANG" ||
        variable.StartsWith("DOTNET_", StringComparison.Ordinal) || variable.StartsWith("VMIPL_", StringComparison.Ordinal);

    private static void WriteInitramfs(string path, InstalledKernel kernel, byte[] description)
    {
        using var file = File.Create(path);
        var archive = new CpioArchive(file);
        foreach (var folder in (ReadOnlySpan<string>)["dev", "proc", "sys", "modules"])
            archive.AddFolder(folder);
        archive.AddFile("init", File.ReadAllBytes(AgentBuild.Lab()));
        archive.AddFile("lab", description);
        Initramfs.AddModules(archive, new KernelModules(kernel.Modules).Load(["virtio_pci", "9p", "9pnet_virtio", "overlay", "kvm_amd"]));
        archive.Finish();
    }

    // multidevs=remap: the host's mounts are one file system in there, whose files' numbers must differ. VMIPL_LAB_CPUS: where guests exit all the time on two of
    // its CPUs, QEMU 10.0 goes wrong: after a minute a guest or the lab's own kernel breaks down, with nothing of ours in the way. With one it does not.
    private static List<string> Arguments(LabQemu qemu, InstalledKernel kernel, LabOptions options, string folder)
    {
        string InFolder(string file) => Path.Combine(folder, file);
        List<string> arguments = [.. qemu.DataFolders.SelectMany(data => (string[])["-L", data])];
        arguments.AddRange([
            "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-name", "vmipl-lab",
            "-accel", "tcg,thread=multi", "-cpu", "EPYC,+svm,+npt", "-smp", Environment.GetEnvironmentVariable("VMIPL_LAB_CPUS") ?? $"{options.Vcpus}", "-m", $"{options.MemoryMiB}",
            "-serial", $"file:{InFolder("console")}",
            "-chardev", $"socket,id=output,path={InFolder("output")}", "-serial", "chardev:output",
            "-serial", $"file:{InFolder("status")}",
            "-kernel", kernel.Image, "-initrd", InFolder("initramfs"),
            "-append", "console=ttyS0 loglevel=4 panic=-1 no_timer_check mitigations=off kvm.halt_poll_ns=0",
            "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
        ]);
        if (options.SharedFolder is { } shared)
            arguments.AddRange(["-virtfs", $"local,path={shared.Replace(",", ",,", StringComparison.Ordinal)},mount_tag=shared,security_model=none,multidevs=remap"]);
        return arguments;
    }

    private static string ReadText(string path) => File.Exists(path) ? File.ReadAllText(path) : "";
}
