namespace VmiPl.TestGuests;

/// <summary>A running Linux guest with known processes, which tells the truth about itself. One caller at a time.</summary>
public sealed class TestGuest : IAsyncDisposable, IDisposable
{
    /// <summary>Guest-virtual address, in the process <c>marker</c>, of a page that begins with <see cref="MarkerText"/>.</summary>
    public const uint MarkerAddress = 0x10000000;
    /// <summary>What stands at <see cref="MarkerAddress"/>; zeros follow.</summary>
    public const string MarkerText = "VmiPl marker: known bytes at a known address";

    // The longest truth seen is 20 MB; the file is sparse.
    private const long TruthSize = 128L << 20;
    // Ten times what a boot takes there.
    private static readonly TimeSpan _labBoot = TimeSpan.FromMinutes(1.5);
    private static int _count;
    private readonly string _folder;
    private readonly ControlPort _control;
    private readonly RunningQemu _qemu;
    private readonly SemaphoreSlim _turn = new(1);
    private bool _disposed;

    private TestGuest(GuestOptions options)
    {
        Options = options;
        Name = options.Name ?? $"vmipl-test-{Environment.ProcessId}-{Interlocked.Increment(ref _count)}";
        var program = QemuCommand.Program(options);
        var kernel = options.Kernel.Install();
        _folder = Directory.CreateTempSubdirectory("vmipl-").FullName;
        ControlPort? control = null;
        try
        {
            using (var truth = File.Create(Path.Combine(_folder, "truth")))
                truth.SetLength(TruthSize);
            Initramfs.Write(Path.Combine(_folder, "initramfs"), kernel,
                options.Modules.Split(' ', StringSplitOptions.RemoveEmptyEntries),
                options.TestModule ? [TestModule.For(options.Kernel, kernel)] : []);
            _control = control = new ControlPort(Path.Combine(_folder, "control"));
            List<string> arguments = QemuCommand.Arguments(options, kernel, Name, _folder);
            // By env, which becomes QEMU: a library in the helper's own environment would be loaded into the helper.
            _qemu = options.Preload is { Length: > 0 } library
                ? new RunningQemu(_folder, "env", [$"LD_PRELOAD={library}", program, .. arguments])
                : new RunningQemu(_folder, program, arguments);
        }
        catch
        {
            control?.Dispose();
            Directory.Delete(_folder, recursive: true);
            throw;
        }
    }

    /// <summary>How it was made.</summary>
    public GuestOptions Options { get; }

    /// <summary>QEMU's <c>-name</c>.</summary>
    public string Name { get; }

    /// <summary>QEMU's process id on the host.</summary>
    public int ProcessId => _qemu.ProcessId;

    /// <summary>Whether QEMU still runs.</summary>
    public bool IsRunning => !_disposed && !_qemu.Ended.IsCompleted;

    /// <summary>The monitor's socket; null for a guest without one.</summary>
    public string? MonitorPath => Options.Monitor == MonitorKind.None ? null : Path.Combine(_folder, "monitor");

    /// <summary>A folder of mode 0700 that lives as long as the guest, for dumps and the like.</summary>
    public string Folder => _folder;

    /// <summary>What the guest's kernel and init have printed so far.</summary>
    public string SerialLog => File.Exists(Path.Combine(_folder, "console")) ? File.ReadAllText(Path.Combine(_folder, "console")) : "";

    /// <summary>Boots a guest; it is complete when all its processes are what they should be. A guest whose kernel panics on the way
    /// is booted again: QEMU's multi-threaded TCG now and then runs into an instruction that a starting kernel is patching on
    /// another vCPU. So is one that hangs in the <see cref="KvmLab"/>, whose emulation under it is the same; standard error then has its registers.</summary>
    /// <exception cref="GuestException">Something is missing on this host, or the guest did not come up: the message has its console.</exception>
    public static async Task<TestGuest> StartAsync(GuestOptions options, CancellationToken cancel = default)
    {
        const int Boots = 3;
        for (var boot = 1; ; boot++)
        {
            try
            {
                return await BootAsync(options, cancel).ConfigureAwait(false);
            }
            catch (GuestException e) when (boot < Boots && e.Message.Contains("Kernel panic", StringComparison.Ordinal))
            {
                // Another vCPU's patching met this one's fetching.
            }
            catch (GuestException e) when (e.IsHang && boot < Boots && KvmLab.IsInside)
            {
                await System.Console.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
            }
        }
    }

    private static async Task<TestGuest> BootAsync(GuestOptions options, CancellationToken cancel)
    {
        var guest = new TestGuest(options);
        try
        {
            await guest.WaitAsync("boot", async token =>
            {
                await guest._control.AcceptAsync(token).ConfigureAwait(false);
                return await guest._control.ReceiveAsync(token).ConfigureAwait(false);
            }, cancel, KvmLab.IsInside ? _labBoot : options.Timeout).ConfigureAwait(false);
            if (options.Spinning)
                await guest.CommandAsync($"spin {options.Vcpus}", cancel).ConfigureAwait(false);
            return guest;
        }
        catch
        {
            guest.Dispose();
            throw;
        }
    }

    /// <summary>As <see cref="StartAsync"/>, for callers that cannot wait asynchronously.</summary>
    public static TestGuest Start(GuestOptions options) => StartAsync(options).GetAwaiter().GetResult();

    /// <summary>
    /// Sends a command to the agent and returns its answer without the word "done": <c>ping</c>; <c>spin N</c> (N processes
    /// that never leave user mode, one per vCPU) and <c>rest</c> (ends them); <c>start /path</c> (answers the new process's
    /// id) and <c>stop PID</c>; <c>peek PID ADDRESS COUNT</c> (up to 256 bytes of a process, in hexadecimal). And work of an
    /// exact amount, answered when it is done (<c>README.md</c> has the facts that each answers): <c>calls N [compat|sysenter]</c>,
    /// <c>spawn N [parallel K]</c>, <c>sysctl read PATH N</c>, <c>sysctl write PATH VALUE N</c>, <c>faults N</c>, <c>int3 N</c>,
    /// <c>switches N</c>, <c>msr CPU NUMBER VALUE N</c>, <c>load on|status|off</c>, <c>insmod NAME</c>, <c>rmmod NAME</c> and
    /// <c>module VERB N [CPU]</c>.
    /// </summary>
    public async Task<string> CommandAsync(string command, CancellationToken cancel = default)
    {
        await _turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            var answer = await WaitAsync(command, token => _control.AskAsync(command, token), cancel).ConfigureAwait(false);
            return answer.StartsWith("done", StringComparison.Ordinal)
                ? answer["done".Length..].Trim()
                : throw new GuestException($"The guest {Name} answers '{answer}' to '{command}'.{Console()}");
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>As <see cref="CommandAsync"/>, for answers of the form <c>name=value name=value</c>: the values by name.</summary>
    public async Task<IReadOnlyDictionary<string, ulong>> FactsAsync(string command, CancellationToken cancel = default)
    {
        var answer = await CommandAsync(command, cancel).ConfigureAwait(false);
        return answer.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(fact => fact.Split('=')).ToDictionary(
            fact => fact[0], fact => fact[1].StartsWith("0x", StringComparison.Ordinal)
                ? Convert.ToUInt64(fact[1], 16) : ulong.Parse(fact[1], System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>The ids of the processes that the last <c>spawn</c> made, in that order.</summary>
    public async Task<IReadOnlyList<int>> SpawnedAsync(CancellationToken cancel = default)
    {
        var truth = await ReadTruthAsync(await CommandAsync("spawned", cancel).ConfigureAwait(false), cancel).ConfigureAwait(false);
        return GroundTruthReader.Files(truth).TryGetValue("spawned", out var ids)
            ? System.Runtime.InteropServices.MemoryMarshal.Cast<byte, int>(ids).ToArray() : [];
    }

    /// <summary>The guest's own view of itself: its tasks and modules, with <paramref name="full"/> also kallsyms and BTF.
    /// It is taken until two takes in a row show the same tasks.</summary>
    public async Task<GroundTruth> SnapshotAsync(bool full = false, CancellationToken cancel = default)
    {
        var answer = await CommandAsync(full ? "snapshot full" : "snapshot", cancel).ConfigureAwait(false);
        return GroundTruthReader.Read(await ReadTruthAsync(answer.Split(' ')[0], cancel).ConfigureAwait(false));
    }

    private async Task<byte[]> ReadTruthAsync(string size, CancellationToken cancel)
    {
        var bytes = new byte[int.Parse(size, System.Globalization.CultureInfo.InvariantCulture)];
        var file = File.OpenRead(Path.Combine(_folder, "truth"));
        await using (file.ConfigureAwait(false))
            await file.ReadExactlyAsync(bytes, cancel).ConfigureAwait(false);
        return bytes;
    }

    /// <summary>As <see cref="SnapshotAsync"/>, for callers that cannot wait asynchronously.</summary>
    public GroundTruth Snapshot(bool full = false) => SnapshotAsync(full).GetAwaiter().GetResult();

    /// <summary>Ends QEMU, waits until it is gone and removes its folder.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _qemu.Dispose();
        _control.Dispose();
        _turn.Dispose();
        if (Directory.Exists(_folder))
            Directory.Delete(_folder, recursive: true);
    }

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    // An answer, or an exception that says why there is none: QEMU ended, the guest hung, the caller gave up.
    private async Task<string> WaitAsync(string what, Func<CancellationToken, Task<string?>> ask, CancellationToken cancel, TimeSpan? within = null)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var time = within ?? Options.Timeout;
        limit.CancelAfter(time);
        Task<string?> asked = ask(limit.Token);
        try
        {
            if (await Task.WhenAny((Task)asked, _qemu.Ended).ConfigureAwait(false) == asked &&
                await asked.ConfigureAwait(false) is { } answer)
                return answer;
            await limit.CancelAsync().ConfigureAwait(false);
            throw new GuestException($"QEMU ended at '{what}': {await _qemu.Ended.ConfigureAwait(false)}{Console()}");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            var state = MonitorPath is { } monitor && Options.Monitor == MonitorKind.Qmp ? await HangReport.TakeAsync(monitor).ConfigureAwait(false) : "";
            throw new GuestException($"The guest {Name} gave no answer to '{what}' within {time}.{Console()}\n{state}") { IsHang = true };
        }
    }

    private string Console() => $"\nIts console:\n{SerialLog}";
}
