using System.Globalization;
using VmiPl.Errors;

namespace VmiPl.Interop;

/// <summary>The folder of this user for what a session needs on disk: <c>$XDG_RUNTIME_DIR/vmipl</c>, else <c>/tmp/vmipl-UID</c>.
/// Only its owner can write to it.</summary>
internal static class PrivateFolder
{
    private const UnixFileMode Passable =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>Makes the folder where it is missing and gives its path. <paramref name="reachable"/>: other users are to reach
    /// what is made for them in there (they can't list it); the user's runtime folder lets none through. Throws
    /// <c>AccessDenied</c> where somebody else has put something of that name there, or <c>FileFailure</c>.</summary>
    public static string Get(bool reachable)
    {
        string? runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        // After su or sudo the variable may name another user's.
        bool useRuntime = !reachable && runtime is not null && IsPlain(runtime) && NativeFolder.IsOwn(runtime);
        string path = useRuntime ? Path.Combine(runtime!, "vmipl")
            : string.Create(CultureInfo.InvariantCulture, $"/tmp/vmipl-{NativeFolder.UserId}");
        if (!NativeFolder.TryCreate(path, out int error))
            throw Failure(path, error);
        // /tmp is sticky: what is ours now can't be replaced by others.
        if (!NativeFolder.IsOwn(path))
            throw new VmiException(VmiErrorCode.AccessDenied, $"'{path}' is not a folder of this user's; somebody else has made it. Remove it.", path);
        if (reachable)
            File.SetUnixFileMode(path, Passable);
        return path;
    }

    /// <summary>Whether a path is absolute and needs quotes neither in QEMU's options nor on its monitor's command line.</summary>
    public static bool IsPlain(string path) =>
        path.StartsWith('/') && path.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '+' or '-' or '/');

    /// <summary>What a failed system call on a folder means.</summary>
    public static VmiException Failure(string path, int error) =>
        new(Errno.IsDenied(error) ? VmiErrorCode.AccessDenied : VmiErrorCode.FileFailure, $"The folder '{path}' can't be made: {Errno.Text(error)}.", path);
}
