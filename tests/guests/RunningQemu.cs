using System.Diagnostics;
using System.Globalization;

namespace VmiPl.TestGuests;

/// <summary>A QEMU process that ends at the latest when this process ends, however it ends: the helper <c>run</c> holds
/// it, and the helper watches a pipe from us. It removes the machine's folder in the end.</summary>
internal sealed class RunningQemu : IDisposable
{
    private readonly Process _helper;
    private readonly Task<string> _errors;

    /// <param name="folder">The machine's folder.</param>
    /// <param name="program">QEMU.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="variables">More of its environment, as <c>NAME=value</c>.</param>
    public RunningQemu(string folder, string program, IReadOnlyList<string> arguments, params ReadOnlySpan<string> variables)
    {
        var start = Command.Describe(AgentBuild.Runner(), [folder, program, .. arguments], null, variables);
        _helper = Process.Start(start)!;
        _errors = _helper.StandardError.ReadToEndAsync();
        var line = _helper.StandardOutput.ReadLine();
        if (!int.TryParse(line, CultureInfo.InvariantCulture, out var id))
            throw new GuestException($"{program} did not start: {_errors.GetAwaiter().GetResult().Trim()}");
        ProcessId = id;
        Ended = EndAsync();
    }

    /// <summary>QEMU's own process id.</summary>
    public int ProcessId { get; }

    /// <summary>Completes when QEMU is gone, with what it wrote to standard error.</summary>
    public Task<string> Ended { get; }

    /// <summary>Ends QEMU and waits until it is gone.</summary>
    public void Dispose()
    {
        _helper.StandardInput.Close();
        _helper.WaitForExit();
        Ended.GetAwaiter().GetResult();
        _helper.Dispose();
    }

    private async Task<string> EndAsync()
    {
        await _helper.WaitForExitAsync().ConfigureAwait(false);
        return (await _errors.ConfigureAwait(false)).Trim();
    }
}
