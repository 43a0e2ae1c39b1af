using System.Diagnostics;
using VmiPl.Errors;

namespace VmiPl.Machines.Libvirt;

/// <summary>A guest of libvirt, which keeps the QMP socket of its guests to itself: commands go through
/// <c>virsh qemu-monitor-command</c>. Seen with libvirt 9.0. Each command starts a process of its own.</summary>
public sealed class VirshMonitor : MonitorBase
{
    private readonly string? _uri;
    private readonly VmiLimits _limits;
    private readonly Lock _lock = new();

    /// <summary>Makes a monitor for a domain of libvirt. <paramref name="uri"/> is used where the environment has no
    /// <c>LIBVIRT_DEFAULT_URI</c>; null leaves the choice to virsh.</summary>
    internal VirshMonitor(string domain, string? uri, VmiLimits limits)
        : base(limits)
    {
        Domain = domain;
        _uri = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("LIBVIRT_DEFAULT_URI")) ? uri : null;
        _limits = limits;
    }

    /// <summary>The domain's name.</summary>
    public string Domain { get; }

    /// <inheritdoc/>
    public override string Description => $"virsh {Domain}";

    private string[] Virsh => _uri is null ? ["--quiet"] : ["--quiet", "--connect", _uri];

    private string[] Human => ["qemu-monitor-command", "--hmp", "--domain", Domain, "--cmd"];

    /// <inheritdoc/>
    internal override IReadOnlyList<string> ForAnotherProgram() => ["run", "virsh", .. Virsh, .. Human];

    /// <inheritdoc/>
    public override string HumanCommand(string command) => Run([.. Human, command]).ReplaceLineEndings("\n");

    /// <summary>Runs a QMP command given as JSON and gives its answer as JSON, <c>{"return":…}</c> or <c>{"error":…}</c>.</summary>
    public string QmpCommand(string json) => Run("qemu-monitor-command", "--domain", Domain, "--cmd", json);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // Nothing is kept between commands.
    }

    // Not QEMU's own stop and cont: libvirt would learn of them only afterwards.
    private protected override void Stop() => Run("suspend", "--domain", Domain);

    private protected override void Continue() => Run("resume", "--domain", Domain);

    private string Run(params string[] arguments)
    {
        var start = new ProcessStartInfo("virsh")
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        start.Environment["LC_ALL"] = "C";
        foreach (string argument in (string[])[.. Virsh, .. arguments])
            start.ArgumentList.Add(argument);
        lock (_lock)
            return Run(start);
    }

    private string Run(ProcessStartInfo start)
    {
        using var process = new Process { StartInfo = start };
        try
        {
            process.Start();
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new VmiException(VmiErrorCode.MonitorUnavailable, "The guests of libvirt are reached through virsh, and there is none here. Install libvirt's client programs.", Domain, e);
        }
        process.StandardInput.Close();
        Task<string> output = ReadBounded(process.StandardOutput), errors = ReadBounded(process.StandardError);
        if (!Task.WaitAll([output, errors], _limits.MonitorTimeout) || !process.WaitForExit(_limits.MonitorTimeout))
        {
            process.Kill(entireProcessTree: true);
            throw new VmiException(VmiErrorCode.Timeout, $"virsh did not answer for '{Domain}' within {_limits.MonitorTimeout.TotalSeconds:0.#} s.", Domain);
        }
        return process.ExitCode == 0 ? output.Result : throw Failure(errors.Result.Trim());
    }

    private async Task<string> ReadBounded(StreamReader reader)
    {
        var text = new System.Text.StringBuilder();
        char[] buffer = new char[16 * 1024];
        int got;
        while ((got = await reader.ReadAsync(buffer).ConfigureAwait(false)) > 0)
        {
            // Read on, so that virsh can end, but keep no more.
            if (text.Length < _limits.MaxMonitorMessageBytes)
                text.Append(buffer, 0, got);
        }
        return text.ToString();
    }

    private VmiException Failure(string text)
    {
        bool Says(string words) => text.Contains(words, StringComparison.OrdinalIgnoreCase);
        VmiErrorCode code =
            Says("failed to get domain") || Says("domain not found") ? VmiErrorCode.MachineNotFound
            : Says("domain is not running") ? VmiErrorCode.MachineLost
            : Says("permission denied") || Says("authentication") || Says("access denied") ? VmiErrorCode.AccessDenied
            : Says("failed to connect") ? VmiErrorCode.MonitorUnavailable
            : Says("state change lock") ? VmiErrorCode.MonitorBusy
            : VmiErrorCode.MonitorProtocol;
        return new VmiException(code, $"virsh: {text}", Domain);
    }
}
