using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using VmiPl.Errors;
using VmiPl.Interop;

namespace VmiPl.Streams;

/// <summary>What comes through a FIFO, read by a process of its own (<c>native-shim/buffer</c>), which keeps up to 64 MiB of it until we take it: it is not
/// held up by this process's garbage collection, during which a busy machine fills the 1 MiB that a FIFO holds. When we die, it ends, and
/// the FIFO has no reader any more. Used by one thread at a time.</summary>
internal sealed class PipeBuffer : IDisposable
{
    private const int Bytes = 64 << 20;
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(10), EndTime = TimeSpan.FromSeconds(1);
    private readonly Process _process;

    /// <summary>Reads <paramref name="from"/>, a FIFO; <paramref name="through"/> is made for our side, and may be removed at once. Throws
    /// <see cref="IOException"/>, and <c>FileFailure</c> where the program is missing.</summary>
    public PipeBuffer(string from, string through)
    {
        using NativeProgram program = NativeProgram.Open(NativeProgram.Buffer, VmiErrorCode.FileFailure);
        Pipe = NamedPipe.Create(through);
        try
        {
            _process = Process.Start(new ProcessStartInfo(program.FullName, [from, through, Bytes.ToString(CultureInfo.InvariantCulture)])
            {
                RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/",
            })!;
        }
        catch (Win32Exception e)
        {
            Pipe.Dispose();
            throw new IOException($"'{program.FullName}' can't be started: {e.Message}", e);
        }
        if (!IsReady())
        {
            string said = _process.HasExited ? _process.StandardError.ReadToEnd().Trim() : "it did not come up";
            Dispose();
            throw new IOException($"'{program.FullName}': {said}");
        }
    }

    /// <summary>What came, to be read. Its end is that of what comes, or of the process.</summary>
    public NamedPipe Pipe { get; }

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        Pipe.Dispose();
        if (!_process.WaitForExit(EndTime))
            _process.Kill();
        _process.Dispose();
    }

    private bool IsReady()
    {
        using var deadline = new CancellationTokenSource(StartTime);
        try
        {
            if (_process.StandardOutput.ReadLineAsync(deadline.Token).AsTask().GetAwaiter().GetResult() == "ready")
                return true;
            _process.WaitForExitAsync(deadline.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            // Neither ready nor ended.
        }
        return false;
    }
}
