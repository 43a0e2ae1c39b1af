using System.Text;
using VmiPl.Errors;
using VmiPl.Interop;

namespace VmiPl.Probes.GdbStub;

/// <summary>The folder of one gdbstub session, in which QEMU makes its socket: of mode 0700, as whoever can reach a gdbstub owns
/// the guest. It belongs to the user that QEMU runs as. Dispose removes the socket and the folder; where this process dies,
/// the guardian does. Not thread-safe.</summary>
internal sealed class SessionFolder : IDisposable
{
    private const int MaxPathBytes = 107;   // man 7 unix: sun_path is 108 with its NUL

    private SessionFolder(string path) => FullName = path;

    /// <summary>The folder's path.</summary>
    public string FullName { get; }

    /// <summary>Where QEMU is to listen.</summary>
    public string SocketPath => Path.Combine(FullName, "gdb");

    /// <summary>The argument of the human monitor's <c>gdbserver</c>, in need of no quotes.</summary>
    public string DeviceOption => $"unix:{SocketPath},server=on,wait=off";

    /// <summary>Makes a folder for a QEMU of that user. <paramref name="parent"/>, for a QEMU that is confined, is a folder that QEMU
    /// can reach and that only this user or root can write to; by default it is the user's runtime folder or one in /tmp.
    /// Throws <c>AccessDenied</c> where QEMU is another user's and this one is not root, or the parent is another's;
    /// <c>InvalidArgument</c> for a parent that is too long or not plain; <c>FileFailure</c>.</summary>
    public static SessionFolder Create(uint qemuUser, string? parent = null)
    {
        uint self = NativeFolder.UserId;
        if (qemuUser != self && self != 0)
            throw new VmiException(VmiErrorCode.AccessDenied,
                $"QEMU runs as user {qemuUser}, this process as user {self}: neither could reach the other's gdbstub socket. Run as that user or as root.");
        parent ??= PrivateFolder.Get(reachable: qemuUser != self);
        var folder = new SessionFolder(Path.Combine(parent, Guid.NewGuid().ToString("N")[..12]));
        if (!PrivateFolder.IsPlain(parent) || Encoding.UTF8.GetByteCount(folder.SocketPath) > MaxPathBytes)
            throw new VmiException(VmiErrorCode.InvalidArgument,
                $"'{parent}' can't hold a gdbstub's socket: give an absolute path of letters, digits and ._+-/ of at most {MaxPathBytes - 17} bytes.", parent);
        if (!NativeFolder.TryCreate(folder.FullName, out int error) || !NativeFolder.IsOwn(folder.FullName))
            throw PrivateFolder.Failure(folder.FullName, error);
        if (qemuUser != self && !NativeFolder.TryGive(folder.FullName, qemuUser, out error))
        {
            folder.Dispose();
            throw PrivateFolder.Failure(folder.FullName, error);
        }
        return folder;
    }

    /// <summary>Removes the socket and the folder where they are still there. Anything else in the folder stays, and keeps it.</summary>
    public void Dispose()
    {
        try
        {
            File.Delete(SocketPath);
            Directory.Delete(FullName);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The guardian was first, or it is no longer ours to remove.
        }
    }
}
