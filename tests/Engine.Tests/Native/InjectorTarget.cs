using System.Diagnostics;
using System.Globalization;

namespace VmiPl.Tests.Native;

/// <summary>A program of <c>native-shim/injector/tests</c> that runs: it says "ready", and answers each byte with a line. Killed by Dispose.</summary>
internal sealed class InjectorTarget : IDisposable
{
    private readonly Process _process;

    public InjectorTarget(params string[] command)
    {
        _process = InjectorWorkshop.Start(command);
        Assert.Equal("ready", _process.StandardOutput.ReadLine());
        Id = _process.Id;
    }

    /// <summary>Of the process that is worked on; a program that starts another one has it set.</summary>
    public int Id { get; set; }

    /// <summary>Throws where it has ended, or has found something wrong; then that is the message.</summary>
    public void AssertUnharmed()
    {
        _process.StandardInput.Write('x');
        _process.StandardInput.Flush();
        string? line = _process.StandardOutput.ReadLine();
        Assert.True(ulong.TryParse(line, CultureInfo.InvariantCulture, out _), line ?? "The target has ended.");
    }

    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
    }
}
