using VmiPl.Errors;

namespace VmiPl.Interop;

/// <summary>An executable of <c>native-shim</c>: <c>native/NAME</c> beside the Engine's assembly, or, as in the module, beside the folder that
/// holds it. Dispose removes the copy that was needed where the file had lost its execute bit.</summary>
internal sealed class NativeProgram : IDisposable
{
    public const string Guardian = "vmi-guardian", Injector = "vmi-inject", Buffer = "vmi-buffer";
    private const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
    private readonly bool _isCopy;

    private NativeProgram(string path, bool isCopy)
    {
        FullName = path;
        _isCopy = isCopy;
    }

    /// <summary>One that is to be taken from elsewhere, for tests; null for its own place.</summary>
    public static (string Name, string Path)? Replaced { get; set; }

    /// <summary>A file that can be executed.</summary>
    public string FullName { get; }

    /// <summary>Finds it. Throws <paramref name="missing"/> where it is not there or can't be copied.</summary>
    public static NativeProgram Open(string name, VmiErrorCode missing)
    {
        string source = Replaced is { } replaced && replaced.Name == name ? replaced.Path : Find(name);
        try
        {
            if ((File.GetUnixFileMode(source) & Executable) != 0)
                return new NativeProgram(source, isCopy: false);
            // Archives and package managers lose the bit. Not into a session's folder: that may be QEMU's.
            var copy = new NativeProgram(Path.Combine(PrivateFolder.Get(reachable: false), $"{name}-{Guid.NewGuid():N}"), isCopy: true);
            File.Copy(source, copy.FullName);
            File.SetUnixFileMode(copy.FullName, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return copy;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new VmiException(missing, $"The program '{source}' can't be used: {e.Message} Install the module whole, or build it (build.sh build).", source, e);
        }
    }

    /// <summary>Removes a copy; what runs of it runs on.</summary>
    public void Dispose()
    {
        if (_isCopy)
            File.Delete(FullName);
    }

    private static string Find(string name)
    {
        // Not the application's folder: that is PowerShell's.
        string engine = Path.GetDirectoryName(typeof(NativeProgram).Assembly.Location) ?? "";
        string beside = Path.Combine(engine, "native", name), above = Path.Combine(engine, "..", "native", name);
        return File.Exists(beside) ? beside : Path.GetFullPath(above);
    }
}
