using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Runtime.InteropServices;

namespace VmiPl.PowerShellHost;

/// <summary>Runs one script or command in a fresh runspace, with Ctrl-C, SIGTERM and SIGHUP turned into a stop of the pipeline,
/// so that the script's <c>finally</c> blocks run.</summary>
public sealed class ScriptRunner
{
    private readonly HostArguments _arguments;
    private readonly Lock _gate = new();
    private Pipeline? _pipeline;
    private int? _signalCode;

    /// <summary>Makes a runner for one command line.</summary>
    public ScriptRunner(HostArguments arguments) => _arguments = arguments;

    /// <summary>Runs to the end and gives the process's exit code.</summary>
    public int Run()
    {
        using var progress = new ProgressLines();
        var host = new ConsoleHost(progress);
        using Runspace runspace = RunspaceFactory.CreateRunspace(host, InitialSessionState.CreateDefault2());
        // A thread of its own for the whole life of the runspace, as pwsh has: modules may keep state per thread.
        runspace.ThreadOptions = PSThreadOptions.UseCurrentThread;
        runspace.Open();
        runspace.SessionStateProxy.Path.SetLocation(WildcardPattern.Escape(Environment.CurrentDirectory));
        runspace.SessionStateProxy.SetVariable("LASTEXITCODE", 0);

        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, c => OnSignal(c, 2));
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, c => OnSignal(c, 15));
        using PosixSignalRegistration hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, c => OnSignal(c, 1));

        int code = Invoke(runspace, host);
        return _signalCode ?? host.ExitCode ?? code;
    }

    private int Invoke(Runspace runspace, ConsoleHost host)
    {
        using Pipeline pipeline = runspace.CreatePipeline();
        pipeline.Commands.Add(new Command(_arguments.ScriptText, isScript: true, useLocalScope: false));
        // As pwsh does it: errors travel with the output, so that they appear in their order, and Out-Default tells them apart.
        pipeline.Commands[0].MergeMyResults(PipelineResultTypes.Error, PipelineResultTypes.Output);
        pipeline.Commands.Add("Out-Default");
        lock (_gate)
        {
            if (_signalCode is { } early)
                return early;
            _pipeline = pipeline;
        }
        try
        {
            pipeline.Input.Close();
            pipeline.Invoke();
            return 0;
        }
        catch (PipelineStoppedException)
        {
            return 1;
        }
        catch (RuntimeException e)
        {
            host.UI.WriteErrorLine(ErrorText.Of(e.ErrorRecord));
            return 1;
        }
        finally
        {
            lock (_gate)
                _pipeline = null;
        }
    }

    /// <summary>The first signal stops the pipeline and lets it clean up; a second one ends the process at once.</summary>
    private void OnSignal(PosixSignalContext context, int number)
    {
        lock (_gate)
        {
            if (_signalCode is not null)
                return;
            context.Cancel = true;
            _signalCode = 128 + number;
            _pipeline?.StopAsync();
        }
    }
}
