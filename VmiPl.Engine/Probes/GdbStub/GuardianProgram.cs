using VmiPl.Errors;

namespace VmiPl.Probes.GdbStub;

/// <summary>The guardian's executable: <c>native/vmi-guardian</c> beside the Engine's assembly, or, as in the module, beside the folder
/// that holds it. Dispose removes the copy that was needed where the file had lost its execute bit.</summary>
internal sealed class GuardianProgram : IDisposable
{
    private const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
    private readonly bool _isCopy;

    private GuardianProgram(string path, bool isCopy)
    {
        FullName = path;
        _isCopy = isCopy;
    }

    /// <summary>Where else to take it from, for tests; null for its own place.</summary>
    public static string? Source { get; set; }

    /// <summary>A file that can be executed.</summary>
    public string FullName { get; }

    /// <summary>Finds it. Throws <c>GuardianUnavailable</c> where it is missing or can't be copied.</summary>
    public static GuardianProgram Open()
    {
        string source = Source ?? Find();
        try
        {
            if ((File.GetUnixFileMode(source) & Executable) != 0)
                return new GuardianProgram(source, isCopy: false);
            // Archives and package managers lose the bit. Not into a session's folder: that may be QEMU's.
            var copy = new GuardianProgram(Path.Combine(PrivateFolder.Get(reachable: false), $"guardian-{Guid.NewGuid():N}"), isCopy: true);
            File.Copy(source, copy.FullName);
            File.SetUnixFileMode(copy.FullName, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return copy;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new VmiException(VmiErrorCode.GuardianUnavailable,
                $"The guardian '{source}' can't be used: {e.Message} Install the module whole, or build it (build.sh build).", source, e);
        }
    }

    /// <summary>Removes a copy; what runs of it runs on.</summary>
    public void Dispose()
    {
        if (_isCopy)
            File.Delete(FullName);
    }

    private static string Find()
    {
        // Not the application's folder: that is PowerShell's.
        string engine = Path.GetDirectoryName(typeof(GuardianProgram).Assembly.Location) ?? "";
        string beside = Path.Combine(engine, "native", "vmi-guardian"), above = Path.Combine(engine, "..", "native", "vmi-guardian");
        return File.Exists(beside) ? beside : Path.GetFullPath(above);
    }
}
