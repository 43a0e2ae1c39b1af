namespace VmiPl.Probes.Shim;

/// <summary>The shim's library and the program that brings it into a running QEMU: <c>native/libvmi-shim.so</c> and <c>native/vmi-inject</c>, beside the Engine's
/// assembly or, as in the module, beside the folder that holds it.</summary>
internal static class ShimProgram
{
    /// <summary>The library; null where it is not there.</summary>
    public static string? Library => Find("libvmi-shim.so");

    /// <summary>The injector; null where it is not there.</summary>
    public static string? Injector => Find("vmi-inject");

    private static string? Find(string name)
    {
        // Not the application's folder: that is PowerShell's.
        string engine = Path.GetDirectoryName(typeof(ShimProgram).Assembly.Location) ?? "";
        string beside = Path.Combine(engine, "native", name), above = Path.GetFullPath(Path.Combine(engine, "..", "native", name));
        return File.Exists(beside) ? beside : File.Exists(above) ? above : null;
    }
}
