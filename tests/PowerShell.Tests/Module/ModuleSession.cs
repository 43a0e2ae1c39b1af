using System.Management.Automation;
using System.Management.Automation.Runspaces;
using VmiPl.Tests.Repository;

namespace VmiPl.Tests.Module;

/// <summary>A PowerShell session with the module, laid out as users get it, imported.</summary>
internal sealed class ModuleSession : IDisposable
{
    private readonly TextHost _host = new();
    private readonly Runspace _runspace;

    public ModuleSession(bool import = true)
    {
        _runspace = RunspaceFactory.CreateRunspace(_host, InitialSessionState.CreateDefault2());
        _runspace.Open();
        if (import)
            Assert.Empty(Run($"Import-Module '{Manifest}'").Errors);
    }

    /// <summary>The manifest in the module's folder.</summary>
    public static string Manifest => Path.Combine(Folder, "VmiPl.psd1");

    /// <summary>The module's folder.</summary>
    public static string Folder => Path.Combine(RepositoryFolder.Root, "out", "VmiPl");

    /// <summary>Runs a script with all its output and errors; a terminating error is the last one.</summary>
    public ModuleResult Run(string script)
    {
        using PowerShell shell = Start(script);
        List<PSObject> output = [];
        List<ErrorRecord> errors = [];
        bool terminated = false;
        using PSDataCollection<PSObject> live = [];
        try
        {
            shell.Invoke(null, live);
        }
        catch (RuntimeException e)
        {
            terminated = true;
            errors.Add(e.ErrorRecord);
        }
        output.AddRange(live);
        errors.InsertRange(0, shell.Streams.Error);
        return new ModuleResult(output, errors, [.. shell.Streams.Warning.Select(warning => warning.Message)], terminated);
    }

    /// <summary>Runs a script whose errors fail the test; its output.</summary>
    public IReadOnlyList<PSObject> Get(string script)
    {
        ModuleResult result = Run(script);
        Assert.Empty(result.Errors);
        return result.Output;
    }

    /// <summary>What a script shows to a person.</summary>
    public string Show(string script)
    {
        string before = _host.Text;
        Get($"{script} | Out-Default");
        return _host.Text[before.Length..];
    }

    /// <summary>A script ready to be invoked in this session; the caller disposes it.</summary>
    public PowerShell Start(string script)
    {
        PowerShell shell = PowerShell.Create(_runspace);
        shell.AddScript(script);
        return shell;
    }

    public void Dispose() => _runspace.Dispose();
}

/// <summary>What a script gave.</summary>
internal sealed record ModuleResult(
    IReadOnlyList<PSObject> Output, IReadOnlyList<ErrorRecord> Errors, IReadOnlyList<string> Warnings, bool Terminated);
