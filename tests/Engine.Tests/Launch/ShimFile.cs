using System.Diagnostics;

namespace VmiPl.Tests.Launch;

/// <summary>The shim for tests of the start: the one that was built, or, where there is none, a library of its name that does to
/// its process's environment what the shim does, and nothing else.</summary>
internal static class ShimFile
{
    private const string StandIn = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdlib.h>
        #include <string.h>

        __attribute__((constructor)) static void vmi_start(void)
        {
            const char *all = getenv("LD_PRELOAD");
            Dl_info own;
            if (!all || !dladdr((void *)vmi_start, &own))
                return;
            size_t length = strlen(own.dli_fname);
            if (strncmp(all, own.dli_fname, length) != 0)
                return;
            if (all[length] == ':')
                setenv("LD_PRELOAD", all + length + 1, 1);
            else if (all[length] == 0)
                unsetenv("LD_PRELOAD");
        }
        """;

    /// <summary>Puts it into a folder under its own name; its path. Skips the test where none can be compiled.</summary>
    public static string PutInto(string folder)
    {
        string path = Path.Combine(folder, "libvmi-shim.so"), built = Path.Combine(AppContext.BaseDirectory, "native", "libvmi-shim.so");
        if (File.Exists(built))
            File.Copy(built, path);
        else
            Compile(StandIn, path);
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
