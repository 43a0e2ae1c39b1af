using System.Diagnostics;
using System.Net.Sockets;
using VmiPl.Errors;
using VmiPl.Machines;

namespace VmiPl.Tests.Machines;

/// <summary>A real QEMU that was started stopped (<c>-S</c>), with no operating system in it. Ended and cleaned up by Dispose.</summary>
internal sealed class IdleQemu : IDisposable
{
    public const string Program = "/usr/bin/qemu-system-x86_64";

    public IdleQemu(string arguments, string program = Program)
    {
        if (!File.Exists(program))
            Assert.Skip($"needs {Program}");
        Folder = Directory.CreateTempSubdirectory("vmipl-").FullName;
        var start = new ProcessStartInfo(program) { WorkingDirectory = Folder, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (string argument in $"-accel tcg -S -display none -nic none -serial none {arguments.Replace("DIR", Folder, StringComparison.Ordinal)}".Split(' '))
            start.ArgumentList.Add(argument);
        Process = Process.Start(start)!;
        Await(() => Process.HasExited || IsReady());
        if (Process.HasExited)
            throw new InvalidOperationException(Process.StandardError.ReadToEnd());
    }

    public Process Process { get; }

    public string Folder { get; }

    public string QmpPath => Path.Combine(Folder, "q");

    /// <summary>QMP and the sign that QEMU is ready; every test's arguments have them or the second at least.</summary>
    public const string Ready = "-pidfile DIR/pid", Qmp = "-qmp unix:DIR/q,server=on,wait=off " + Ready;

    public VmiMachine Open() => MachineConnector.OpenProcess(Process.Id, VmiLimits.Default);

    /// <summary>A monitor speaks when QEMU's main loop runs; without one, its vCPU's thread tells that RAM is there.</summary>
    private bool IsReady()
    {
        if (Directory.GetFiles(Folder) is var files && !files.Any(f => f.EndsWith("pid", StringComparison.Ordinal)))
            return false;
        if (Process.StartInfo.ArgumentList.Contains("none") && !Process.StartInfo.ArgumentList.Any(a => a.StartsWith("unix:", StringComparison.Ordinal)))
            return Directory.GetDirectories($"/proc/{Process.Id}/task").Length >= 3;
        string? path = files.FirstOrDefault(f => Path.GetFileName(f) is "q" or "m");
        if (path is null)
            return false;
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 30_000 };
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return socket.Receive(new byte[1]) == 1;
        }
        catch (SocketException)
        {
            return false;   // bound, but not listening yet
        }
    }

    /// <summary>Waits for a condition, at most half a minute.</summary>
    public static void Await(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)));

    public void Dispose()
    {
        if (!Process.HasExited)
            Process.Kill();
        Process.WaitForExit();
        Process.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
