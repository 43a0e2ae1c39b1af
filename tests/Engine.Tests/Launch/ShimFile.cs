using System.Diagnostics;

namespace VmiPl.Tests.Launch;

/// <summary>Libraries for tests of the start: the shim, and others beside it.</summary>
internal static class ShimFile
{
    /// <summary>Puts the shim that was built into a folder, under its own name; its path.</summary>
    public static string PutInto(string folder)
    {
        string path = Path.Combine(folder, "libvmi-shim.so");
        File.Copy(Path.Combine(AppContext.BaseDirectory, "native", "libvmi-shim.so"), path);
        return path;
    }

    /// <summary>Compiles a library; skips the test where there is no compiler.</summary>
    public static void Compile(string text, string path)
    {
        string compiler = Environment.GetEnvironmentVariable("CC") is { Length: > 0 } named ? named : "gcc";
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(compiler, ["-shared", "-fPIC", "-x", "c", "-", "-o", path]) { RedirectStandardInput = true })!;
            process.StandardInput.Write(text);
            process.StandardInput.Close();
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip($"needs {compiler}");
        }
    }
}
