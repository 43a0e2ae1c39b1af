using VmiPl.Errors;
using VmiPl.Interop;

namespace VmiPl.Probes.Shim;

/// <summary>The shim, which QEMU is started with or which is brought into one that runs: <c>native/libvmi-shim.so</c> beside the Engine's assembly, or, as in the module, beside the
/// folder that holds it. Once it is loaded it takes itself out of <c>LD_PRELOAD</c>, so that no program that QEMU starts inherits it.</summary>
internal static class ShimLibrary
{
    /// <summary>Its file's name.</summary>
    public const string FileName = "libvmi-shim.so";

    /// <summary>Where else to take it from, for tests; null for its own place.</summary>
    public static string? Source { get; set; }

    /// <summary>The library's path. Throws <c>ShimUnavailable</c> where it is missing or can't be read.</summary>
    public static string Find()
    {
        string path = Source ?? Place();
        using Microsoft.Win32.SafeHandles.SafeFileHandle? file = NativeFile.TryOpenRegular(path, out int error);
        return file is not null ? path : throw new VmiException(VmiErrorCode.ShimUnavailable,
            $"The library '{path}' can't be used: {(error == 0 ? "it is no file" : Errno.Text(error))}. Install the module whole, or build it (build.sh build).", path);
    }

    /// <summary>The value of <c>LD_PRELOAD</c> that has the library before what the user has there.</summary>
    public static string Preload(string path) =>
        Environment.GetEnvironmentVariable("LD_PRELOAD") is { Length: > 0 } others ? $"{path}:{others}" : path;

    private static string Place()
    {
        string engine = Path.GetDirectoryName(typeof(ShimLibrary).Assembly.Location) ?? "";
        string beside = Path.Combine(engine, "native", FileName), above = Path.Combine(engine, "..", "native", FileName);
        return File.Exists(beside) ? beside : Path.GetFullPath(above);
    }
}
