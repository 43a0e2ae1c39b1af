using System.Diagnostics;
using System.Globalization;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Launch;
using VmiPl.Probes.Shim;
using VmiPl.Machines;
using VmiPl.Machines.Processes;
using VmiPl.Tests.Machines;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Launch;

/// <summary>Real QEMUs, started and let go.</summary>
[Collection(nameof(MachineLaunch))]
public sealed class MachineLaunchTests : IDisposable
{
    private static readonly string[] Small = ["-machine", "pc", "-accel", "tcg", "-m", "16", "-nic", "none", "-S"];
    private readonly TemporaryFolder _folder = new();
    private readonly List<int> _started = [];

    public MachineLaunchTests()
    {
        if (!File.Exists(IdleQemu.Program))
            Assert.Skip($"needs {IdleQemu.Program}");
        ShimLibrary.Source = ShimFile.PutInto(_folder.FullName);
    }

    public void Dispose()
    {
        ShimLibrary.Source = null;
        _started.ForEach(End);
        _folder.Dispose();
    }

    [Fact]
    public void A_machine_is_started_from_arguments_and_lives_by_itself()
    {
        LaunchedMachine launched = Start(new LaunchOptions { Folder = _folder.FullName, Arguments = Small, Name = "web, 01" });
        int id = launched.Machine.ProcessId!.Value;
        Assert.Equal("web, 01", launched.Machine.Name);
        Assert.Equal(MachineState.Paused, launched.Machine.QueryState());

        // Its own session and no terminal: pid (comm) state ppid pgrp session tty_nr.
        string[] stat = ProcFs.ReadText(id, "stat", out _)!.Split(')')[1].Split(' ');
        Assert.Equal(($"{id}", "0"), (stat[4], stat[5]));
        Assert.Equal("/dev/null", ProcFs.Link(id, "fd/0", out _));
        Assert.Equal("/dev/null", ProcFs.Link(id, "fd/1", out _));
        Assert.Equal(launched.LogPath, ProcFs.Link(id, "fd/2", out _));
        Assert.Equal(_folder.FullName, ProcFs.Link(id, "cwd", out _));

        string monitor = launched.Machine.Monitor!;
        Assert.Equal("600", Mode(monitor));
        Assert.Equal("700", Mode(Path.GetDirectoryName(monitor)!));
        Assert.Equal("600", Mode(launched.LogPath));
        Assert.DoesNotContain(ProcFs.Arguments(id), argument => argument.Contains("tcp", StringComparison.Ordinal) || argument == "-vnc");

        launched.Machine.Dispose();
        Assert.True(IsAlive(id));
        End(id);
        IdleQemu.Await(() => !Directory.Exists(Path.GetDirectoryName(monitor)));
    }

    [Fact]
    public void A_machine_is_started_from_a_configuration_file_whatever_its_path()
    {
        string odd = Directory.CreateDirectory(_folder.File("it's, \"odd\" $HOME")).FullName, file = Path.Combine(odd, "db 01.cfg");
        File.WriteAllText(file, "[machine]\n  type = \"pc\"\n  accel = \"tcg\"\n[memory]\n  size = \"32\"\n");
        LaunchedMachine launched = Start(new LaunchOptions { Folder = odd, ConfigPath = file, Arguments = ["-S", "-nic", "none"] });
        Assert.Equal(("db 01", 32UL << 20, "tcg"), (launched.Machine.Name, launched.Machine.MemoryBytes, launched.Machine.Accelerator));
        Assert.Equal(odd, ProcFs.Link(launched.Machine.ProcessId!.Value, "cwd", out _));
    }

    [Fact]
    public void What_the_operator_has_given_is_not_added()
    {
        File.WriteAllText(_folder.File("own.cfg"), "[name]\n  guest = \"named there\"\n");
        LaunchedMachine launched = Start(new LaunchOptions
        {
            Folder = _folder.FullName, ConfigPath = _folder.File("own.cfg"),
            Arguments = [.. Small, "-qmp", "unix:own monitor,server=on,wait=off", "-nographic"],
        });
        IReadOnlyList<string> arguments = ProcFs.Arguments(launched.Machine.ProcessId!.Value);
        Assert.Equal("named there", launched.Machine.Name);
        Assert.Equal(["-nographic"], arguments.Skip(arguments.Count - 1));
        Assert.EndsWith("/own monitor", launched.Machine.Monitor, StringComparison.Ordinal);
    }

    [Fact]
    public void The_shim_is_in_QEMU_and_not_in_what_QEMU_starts()
    {
        LaunchedMachine launched = Start(new LaunchOptions { Folder = _folder.FullName, Arguments = Small });
        Assert.True(launched.HasShim);
        Assert.DoesNotContain("LD_PRELOAD", EnvironmentOfChild(launched.Machine), StringComparison.Ordinal);
        Assert.Null(Environment.GetEnvironmentVariable("LD_PRELOAD"));
    }

    [Fact]
    public void What_the_user_has_in_LD_PRELOAD_stays_there()
    {
        string own = _folder.File("own.so");
        ShimFile.Compile("int vmipl_own;", own);
        Environment.SetEnvironmentVariable("LD_PRELOAD", own);
        LaunchedMachine launched;
        try
        {
            launched = Start(new LaunchOptions { Folder = _folder.FullName, Arguments = Small });
        }
        finally
        {
            Environment.SetEnvironmentVariable("LD_PRELOAD", null);
        }
        Assert.True(launched.HasShim);
        Assert.Contains(ProcessMapping.ReadAll(launched.Machine.ProcessId!.Value, out _)!, m => m.Path == own);
        Assert.Contains($"LD_PRELOAD={own}\n", EnvironmentOfChild(launched.Machine), StringComparison.Ordinal);
    }

    [Fact]
    public void A_shim_whose_path_LD_PRELOAD_can_not_hold_is_loaded_by_a_link()
    {
        ShimLibrary.Source = ShimFile.PutInto(Directory.CreateDirectory(_folder.File("My: $Modules")).FullName);
        LaunchedMachine launched = Start(new LaunchOptions { Folder = _folder.FullName, Arguments = Small });
        Assert.True(launched.HasShim);
        Assert.DoesNotContain("LD_PRELOAD", EnvironmentOfChild(launched.Machine), StringComparison.Ordinal);
    }

    [Fact]
    public void A_shim_that_the_loader_leaves_out_is_told()
    {
        File.WriteAllText(ShimLibrary.Source!, "no library");
        LaunchedMachine launched = Start(new LaunchOptions { Folder = _folder.FullName, Arguments = Small });
        Assert.False(launched.HasShim);
        Assert.Contains("libvmi-shim.so", File.ReadAllText(launched.LogPath), StringComparison.Ordinal);

        // What QEMU had to say outlives it.
        End(launched.Machine.ProcessId!.Value);
        Assert.True(File.Exists(launched.LogPath));
        Directory.Delete(Path.GetDirectoryName(launched.LogPath)!, recursive: true);
    }

    [Theory]
    [InlineData("invalid option", "-no-such-option")]
    [InlineData("no such disk.img", "-drive", "file=no such disk.img,if=ide")]
    [InlineData("unsupported machine type", "-machine", "no-such-machine")]
    public void A_QEMU_that_fails_at_its_start_is_told_in_its_own_words(string words, params string[] arguments)
    {
        VmiException e = Fails(VmiErrorCode.StartFailed, new LaunchOptions { Folder = _folder.FullName, Arguments = arguments });
        Assert.Contains(words, e.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("code 1", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_configuration_that_can_not_be_read_is_named_with_its_line()
    {
        string file = _folder.File("bad one.cfg");
        File.WriteAllText(file, "[memory]\n  size is much\n");
        Assert.Contains(file + ":2", Fails(VmiErrorCode.StartFailed, new LaunchOptions { Folder = _folder.FullName, ConfigPath = file }).Message, StringComparison.Ordinal);
        file = _folder.File("nothing.cfg");
        Assert.Contains(file, Fails(VmiErrorCode.StartFailed, new LaunchOptions { Folder = _folder.FullName, ConfigPath = file }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_that_can_not_be_started_is_named()
    {
        string file = _folder.File("plain", "text"u8.ToArray());
        Assert.Contains("no-such-qemu", Fails(VmiErrorCode.QemuUnavailable, With("no-such-qemu")).Message, StringComparison.Ordinal);
        Assert.Contains("There is no program", Fails(VmiErrorCode.QemuUnavailable, With("./no-such-qemu")).Message, StringComparison.Ordinal);
        Assert.Contains("not executable", Fails(VmiErrorCode.QemuUnavailable, With(file)).Message, StringComparison.Ordinal);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Assert.Contains(file, Fails(VmiErrorCode.QemuUnavailable, With(file)).Message, StringComparison.Ordinal);
        Assert.Contains("It said nothing", Fails(VmiErrorCode.StartFailed, With("true")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_shim_that_is_missing_starts_nothing()
    {
        ShimLibrary.Source = _folder.File("nothing.so");
        Assert.Contains(ShimLibrary.Source, Fails(VmiErrorCode.ShimUnavailable, new LaunchOptions { Folder = _folder.FullName, Arguments = Small }).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Arguments_that_would_take_the_machine_out_of_hand_are_refused()
    {
        Fails(VmiErrorCode.InvalidArgument, new LaunchOptions { Folder = _folder.FullName, Arguments = [.. Small, "-daemonize"] });
        Fails(VmiErrorCode.InvalidArgument, new LaunchOptions { Folder = _folder.FullName, Arguments = ["-m\0"] });
    }

    [Fact]
    public async Task A_start_that_is_cancelled_ends_what_it_has_started()
    {
        string program = SilentProgram(out string pid);
        using var stop = new CancellationTokenSource();
        Task start = Task.Run(() => MachineLaunch.Plan(With(program)).Start(VmiLimits.Default, stop.Token), CancellationToken.None);
        IdleQemu.Await(() => File.Exists(pid) && File.ReadAllText(pid).EndsWith('\n'));
        // This process ignores SIGPIPE; the C library's own signals, from 32 on, are its own matter.
        int id = int.Parse(File.ReadAllText(pid), CultureInfo.InvariantCulture);
        Assert.Equal((0UL, 0UL), (Signals(id, "SigBlk"), Signals(id, "SigIgn") & int.MaxValue));
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => start);
        AssertGone(pid);
    }

    [Fact]
    public void A_monitor_that_does_not_answer_is_waited_for_in_bounds()
    {
        string program = SilentProgram(out string pid);
        var limits = VmiLimits.Default with { MaxStartTime = TimeSpan.FromSeconds(1) };
        VmiException e = Assert.Throws<VmiException>(() => MachineLaunch.Plan(With(program)).Start(limits, TestContext.Current.CancellationToken));
        Assert.Equal(VmiErrorCode.Timeout, e.Code);
        Assert.Contains("said before", e.Message, StringComparison.Ordinal);
        AssertGone(pid);
    }

    [Fact]
    public void Folders_of_machines_that_are_gone_are_removed_a_day_later()
    {
        string parent = Path.GetDirectoryName(Path.GetDirectoryName(Start(new LaunchOptions { Folder = "/", Arguments = Small }).LogPath)!)!;
        using Microsoft.Win32.SafeHandles.SafeFileHandle running = Old(parent, "machine-test-running", out string kept);
        Assert.True(NativeFile.TryLock(running, shared: true));
        Old(parent, "machine-test-gone", out string gone).Dispose();
        Fails(VmiErrorCode.StartFailed, With("true"));
        Assert.Equal((true, false), (Directory.Exists(kept), Directory.Exists(gone)));
        Directory.Delete(kept, recursive: true);
    }

    private static Microsoft.Win32.SafeHandles.SafeFileHandle Old(string parent, string name, out string folder)
    {
        folder = Directory.CreateDirectory(Path.Combine(parent, name)).FullName;
        string log = Path.Combine(folder, "log");
        var file = NativeFile.TryOpenOrCreate(log, replace: true, out _)!;
        File.SetLastWriteTimeUtc(log, DateTime.UtcNow.AddDays(-2));
        return file;
    }

    private LaunchOptions With(string program) => new() { Folder = _folder.FullName, Qemu = program };

    private LaunchedMachine Start(LaunchOptions options)
    {
        LaunchedMachine launched = MachineLaunch.Plan(options).Start(VmiLimits.Default, TestContext.Current.CancellationToken);
        _started.Add(launched.Machine.ProcessId!.Value);
        return launched;
    }

    /// <summary>A start that fails, and leaves neither a process nor a folder of its own.</summary>
    private static VmiException Fails(VmiErrorCode code, LaunchOptions options)
    {
        // Also those that are in use: an earlier test's machine may end meanwhile.
        HashSet<string> before = [.. Folders()];
        VmiException e = Assert.Throws<VmiException>(() => MachineLaunch.Plan(options).Start(VmiLimits.Default, TestContext.Current.CancellationToken));
        Assert.Equal(code, e.Code);
        Assert.All(Unlocked(), folder => Assert.Contains(folder, before));
        Assert.DoesNotContain(ProcFs.ProcessIds(), id => ProcFs.Link(id, "cwd", out _) == options.Folder);
        return e;
    }

    private static string[] Folders()
    {
        string parent = $"/tmp/vmipl-{NativeFolder.UserId}";
        return Directory.Exists(parent) ? Directory.GetDirectories(parent, "machine-*") : [];
    }

    private static IEnumerable<string> Unlocked()
    {
        foreach (string folder in Folders())
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle? log = NativeFile.TryOpenRegular(Path.Combine(folder, "log"), out _);
            if (log is null || NativeFile.TryLock(log, shared: false))
                yield return folder;
        }
    }

    /// <summary>A program that takes every argument, says something, and then nothing more.</summary>
    private string SilentProgram(out string pid)
    {
        pid = _folder.File("pid");
        string program = _folder.File("silent");
        File.WriteAllText(program, $"#!/bin/sh\necho said before >&2\necho $$ >'{pid}'\nexec sleep 1000\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return program;
    }

    private static void AssertGone(string pid) => Assert.False(IsAlive(int.Parse(File.ReadAllText(pid), CultureInfo.InvariantCulture)));

    private static bool IsAlive(int id) => ProcFs.Arguments(id).Count > 0;

    private static void End(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            process.Kill();
        }
        catch (ArgumentException)
        {
            // It has ended.
        }
        IdleQemu.Await(() => !IsAlive(id));
    }

    /// <summary>The environment of a program that QEMU starts: the one that a migration writes to.</summary>
    private string EnvironmentOfChild(VmiMachine machine)
    {
        string file = _folder.File("environment");
        machine.GetMonitor().HumanCommand($"migrate -d \"exec:cat >/dev/null; env >'{file}.part'; mv '{file}.part' '{file}'\"");
        IdleQemu.Await(() => File.Exists(file));
        return File.ReadAllText(file);
    }

    private static ulong Signals(int id, string kind) => ulong.Parse(
        ProcFs.ReadText(id, "status", out _)!.Split('\n').First(line => line.StartsWith(kind + ":", StringComparison.Ordinal))[(kind.Length + 1)..].Trim(),
        NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static string Mode(string path) => Convert.ToString((int)File.GetUnixFileMode(path), 8);
}
