using System.Text;
using Microsoft.Win32.SafeHandles;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Probes.GdbStub;

namespace VmiPl.Launch;

/// <summary>The folder of one machine that was started from here, of mode 0700: its monitor's socket, QEMU's messages, and a link to the
/// shim where its own path won't do. Who starts a machine later removes those whose machines are gone. Dispose removes
/// it. Not thread-safe.</summary>
internal sealed class MachineFolder : IDisposable
{
    private const string Prefix = "machine-";
    private const int LogBytes = 4096;
    private static readonly TimeSpan KeptFor = TimeSpan.FromDays(1);

    private MachineFolder(string path, SafeFileHandle log)
    {
        FullName = path;
        Log = log;
    }

    /// <summary>The folder's path, in need of no quotes.</summary>
    public string FullName { get; }

    /// <summary>Where QEMU is to listen.</summary>
    public string MonitorPath => Path.Combine(FullName, "monitor");

    /// <summary>The file of QEMU's messages.</summary>
    public string LogPath => Path.Combine(FullName, "log");

    /// <summary>That file, locked for as long as QEMU has it open, too.</summary>
    public SafeFileHandle Log { get; }

    /// <summary>Makes a folder. Throws <c>AccessDenied</c> or <c>FileFailure</c>.</summary>
    public static MachineFolder Create()
    {
        // Not the user's runtime folder: that goes when the user logs out, and the machine stays.
        string parent = PrivateFolder.Get(reachable: true);
        Sweep(parent);
        string path = Path.Combine(parent, Prefix + Guid.NewGuid().ToString("N")[..8]);
        if (!NativeFolder.TryCreate(path, out int error) || !NativeFolder.IsOwn(path))
            throw PrivateFolder.Failure(path, error);
        SafeFileHandle log = NativeFile.TryOpenOrCreate(Path.Combine(path, "log"), replace: true, out error) ?? throw PrivateFolder.Failure(path, error);
        NativeFile.TryLock(log, shared: true);   // .NET's readers take a shared one, too
        return new MachineFolder(path, log);
    }

    /// <summary>A path to the library that <c>LD_PRELOAD</c> can hold, which is divided at spaces and colons (man 8 ld.so).</summary>
    public string PathTo(string library)
    {
        if (PrivateFolder.IsPlain(library))
            return library;
        string link = Path.Combine(FullName, Path.GetFileName(library));
        File.CreateSymbolicLink(link, library);
        return link;
    }

    /// <summary>The last of QEMU's messages; empty where there are none.</summary>
    public string Messages()
    {
        byte[] bytes = new byte[LogBytes];
        long start = Math.Max(0, RandomAccess.GetLength(Log) - LogBytes);
        return Encoding.UTF8.GetString(bytes, 0, RandomAccess.Read(Log, bytes, start)).Trim();
    }

    /// <summary>Removes the folder of a machine that has run, but for what QEMU had to say: that is kept for a day.</summary>
    public void Leave()
    {
        if (RandomAccess.GetLength(Log) == 0)
            Dispose();
        else
            Log.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Log.Dispose();
        Remove(FullName);
    }

    private static void Sweep(string parent)
    {
        foreach (string path in Directory.EnumerateDirectories(parent, Prefix + "*"))
        {
            string log = Path.Combine(path, "log");
            using SafeFileHandle? file = NativeFile.TryOpenRegular(log, out _);
            if (file is not null && DateTime.UtcNow - File.GetLastWriteTimeUtc(log) > KeptFor && NativeFile.TryLock(file, shared: false))
                Remove(path);
        }
    }

    private static void Remove(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Somebody else was first.
        }
    }
}
