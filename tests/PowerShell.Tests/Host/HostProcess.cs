using System.Diagnostics;
using System.Globalization;
using VmiPl.Tests.Repository;

namespace VmiPl.Tests.Host;

/// <summary>The project's PowerShell host as a process of its own.</summary>
internal sealed class HostProcess : IDisposable
{
    /// <summary>Longer than anything that is waited for here takes; reached only if something hangs.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly Process _process;
    private readonly Task<string> _errors;

    private HostProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Starts the host that was built together with this test.</summary>
    public static HostProcess Start(params IEnumerable<string> arguments)
    {
        return Start(Dotnet, ["exec", Path.Combine(Folder, "PowerShellHost.dll"), .. arguments]);
    }

    /// <summary>Runs a script as the user <c>nobody</c>, with the host that was copied to <c>Host</c> in a folder which that user
    /// can read. Needs root.</summary>
    public static async Task<HostResult> RunAsNobodyAsync(string folder, string script)
    {
        using HostProcess host = Start("setpriv",
            ["--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/nonexistent", "DOTNET_CLI_HOME=/nonexistent",
                Dotnet, "exec", Path.Combine(folder, "Host", "PowerShellHost.dll"), "-Command", script]);
        return await host.EndAsync();
    }

    /// <summary>The folder of the host that was built together with this test.</summary>
    public static string Folder =>
        Path.Combine(RepositoryFolder.Root, "tests/PowerShellHost/bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, "net10.0");

    /// <summary>Whether SIGINT (2) is ignored here, and so in what is started here: a shell starts a job in the background like that.</summary>
    public static bool IsInterruptIgnored
    {
        get
        {
            string line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("SigIgn:", StringComparison.Ordinal));
            return (ulong.Parse(line["SigIgn:".Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & 2) != 0;
        }
    }

    private static string Dotnet => Environment.ProcessPath is { } path && Path.GetFileName(path) == "dotnet" ? path : "dotnet";

    private static HostProcess Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = RepositoryFolder.Root,
        };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        Process process = Process.Start(start)!;
        process.StandardInput.Close();
        return new HostProcess(process);
    }

    /// <summary>Runs the host to its end.</summary>
    public static async Task<HostResult> RunAsync(params IEnumerable<string> arguments)
    {
        using HostProcess host = Start(arguments);
        return await host.EndAsync();
    }

    /// <summary>Waits for a line of output and gives it; null where the output ends before.</summary>
    public async Task<string?> ReadLineAsync() => await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience);

    /// <summary>Sends a signal by its name.</summary>
    public void Signal(string name)
    {
        using Process kill = Process.Start("kill", ["-s", name, $"{_process.Id}"]);
        kill.WaitForExit();
    }

    /// <summary>Waits for the end and gives what was not read yet.</summary>
    public async Task<HostResult> EndAsync()
    {
        string output = await _process.StandardOutput.ReadToEndAsync().WaitAsync(Patience);
        string errors = await _errors.WaitAsync(Patience);
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return new HostResult(_process.ExitCode, output, errors);
    }

    /// <summary>Ends it where it still runs.</summary>
    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }
}

/// <summary>How a host process ended and what it said.</summary>
internal sealed record HostResult(int ExitCode, string Output, string Errors);
