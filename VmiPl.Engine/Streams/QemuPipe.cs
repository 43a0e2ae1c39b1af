using System.Globalization;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Machines.Processes;

namespace VmiPl.Streams;

/// <summary>A FIFO that a running QEMU writes into and that can neither stall nor kill it. QEMU opens files so that writing waits, and writes in its main
/// loop: a full FIFO would hold guest and monitor until we read on (seen: a stopped reader stops the whole QEMU). So the open file is
/// borrowed from QEMU, which must be possible before anything begins, and made not to wait.
/// <para>What then happens, seen with QEMU 7.2: a reader that is stopped or too slow costs QEMU an EAGAIN; filter-dump says "network dump write error -
/// stopping dump" and closes the file. A reader that was killed costs it an EPIPE, as QEMU ignores SIGPIPE, with the same end. The guest goes
/// on in both cases, and nothing grows. A file that is tailed would lose nothing when we are stopped, but fill the disk if we never come back;
/// filter-mirror to a socket waits in QEMU's main loop as well (qemu_chr_fe_write_all).</para>
/// <para>Between QEMU's opening and the change there is a moment in which a full FIFO would still hold QEMU: 64 KiB or more in less than a
/// millisecond, with us stopped in just that one.</para>
/// The file has no name any more once QEMU has opened it. Used by one thread at a time.</summary>
internal sealed class QemuPipe : IDisposable
{
    private readonly int _processId;
    private readonly string _folder;
    private readonly NamedPipe _pipe;
    private readonly PipeBuffer? _buffer;

    /// <summary>Makes the FIFO in a folder of its own (0700), which belongs to QEMU's user. <paramref name="isBuffered"/>: for what may come faster than this
    /// process is sure to read. Throws <c>AccessDenied</c> where this user may not borrow QEMU's files, and <c>FileFailure</c>.</summary>
    public QemuPipe(int processId, bool isBuffered = false)
    {
        _processId = processId;
        if (BorrowedDescriptor.TryTake(processId, 0, out int error) is { } any)
            any.Dispose();
        else if (Errno.IsDenied(error) || Errno.IsMissing(error))
            throw new VmiException(
                VmiErrorCode.AccessDenied,
                $"Without the right to trace the QEMU process {processId}, a capture could stall the guest, and is not begun ({Errno.Text(error)}).",
                processId.ToString(CultureInfo.InvariantCulture));
        else if (Errno.IsNoProcess(error))
            throw ProcessIdentity.Lost(processId);
        string? moved = HasOtherFiles(processId) ? ProcFs.PathOf(processId, "root") : null;
        try
        {
            // What QEMU calls /tmp is another folder than ours where it lives in a container or a chroot.
            _folder = moved is null ? Directory.CreateTempSubdirectory("vmipl-").FullName : MakeFolder(moved + "/tmp");
            string path = Path.Combine(_folder, "pipe");
            QemuPath = moved is null ? path : path[moved.Length..];
            _pipe = NamedPipe.Create(path);
            GiveToQemu(path);
            if (isBuffered)
                _buffer = new PipeBuffer(path, Path.Combine(_folder, "kept"));
        }
        catch (Exception e)
        {
            _pipe?.Dispose();
            RemoveName();
            if (e is not (IOException or UnauthorizedAccessException))
                throw;
            throw new VmiException(VmiErrorCode.FileFailure, $"A pipe for the QEMU process {processId} cannot be made: {e.Message}", _folder, e);
        }
    }

    /// <summary>The FIFO's path for QEMU.</summary>
    public string QemuPath { get; }

    /// <summary>To be called as soon as QEMU has opened the FIFO: makes its writes not wait, and takes the name away. Throws <c>FileFailure</c> where QEMU
    /// has not opened it, and <c>AccessDenied</c>; the FIFO must then be taken out of use at once.</summary>
    public void Secure()
    {
        int number = WriterNumber() ?? throw new VmiException(
            VmiErrorCode.FileFailure, $"QEMU took the pipe '{QemuPath}' but has not opened it; it may live in a container that hides its files.", QemuPath);
        if (!BorrowedDescriptor.TryMakeNonBlocking(_processId, number, out int error))
            throw new VmiException(
                VmiErrorCode.AccessDenied, $"The QEMU process {_processId} cannot be kept from waiting for this one ({Errno.Text(error)}).", QemuPath);
        RemoveName();
    }

    /// <inheritdoc cref="NamedPipe.Read"/>
    public int Read(Span<byte> buffer) => Ours.Read(buffer);

    /// <inheritdoc cref="NamedPipe.IsNearlyFull"/>
    public bool IsNearlyFull => _pipe.IsNearlyFull;

    /// <summary>Whether QEMU has closed its end; what it wrote may still have to be read.</summary>
    public bool IsClosed => _pipe.HasLostWriter;

    /// <inheritdoc cref="NamedPipe.Wait"/>
    public void Wait(int milliseconds) => Ours.Wait(milliseconds);

    /// <summary>Closes the read end and removes the FIFO. A QEMU that still writes into it gets an EPIPE.</summary>
    public void Dispose()
    {
        _buffer?.Dispose();
        _pipe.Dispose();
        RemoveName();
    }

    /// <summary>The end that we read.</summary>
    private NamedPipe Ours => _buffer?.Pipe ?? _pipe;

    private static bool HasOtherFiles(int processId) =>
        ProcFs.Link(processId, "root", out _) is { } root && root != "/"
        || (ProcFs.Link(processId, "ns/mnt", out _) is { } theirs && theirs != NativeFile.ReadLink("/proc/self/ns/mnt", out _));

    private static string MakeFolder(string parent)
    {
        string path = Path.Combine(parent, "vmipl-" + Path.GetRandomFileName());
        return Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
    }

    /// <summary>A QEMU of another user must get at the FIFO, and nobody else; only root can meet that case, as it may borrow that QEMU's files.</summary>
    private void GiveToQemu(string path)
    {
        string status = ProcFs.ReadText(_processId, "status", out _) ?? "";
        (uint user, uint group) = (FileSystemId(status, "Uid:"), FileSystemId(status, "Gid:"));
        string mine = ProcFs.ReadText(Environment.ProcessId, "status", out _) ?? "";
        if (user == FileSystemId(mine, "Uid:"))
            return;
        if (!NativeFile.TryGiveTo(path, user, group, out int error) || !NativeFile.TryGiveTo(_folder, user, group, out error))
            throw new IOException(Errno.Text(error));
    }

    /// <summary>The last of the four numbers: real, effective, saved, for files (man 5 proc).</summary>
    private static uint FileSystemId(string status, string field)
    {
        string line = status.Split('\n').FirstOrDefault(l => l.StartsWith(field, StringComparison.Ordinal)) ?? "";
        return uint.TryParse(line.Split('\t')[^1], NumberStyles.None, CultureInfo.InvariantCulture, out uint id) ? id : 0;
    }

    private int? WriterNumber()
    {
        FileFacts ours = _pipe.Facts;
        foreach ((int number, _) in ProcFs.OpenFiles(_processId))
        {
            if (NativeFile.TryGetFacts(ProcFs.PathOf(_processId, string.Create(CultureInfo.InvariantCulture, $"fd/{number}")), out FileFacts theirs)
                && theirs.Inode == ours.Inode && theirs.DeviceMajor == ours.DeviceMajor && theirs.DeviceMinor == ours.DeviceMinor)
                return number;
        }
        return null;
    }

    private void RemoveName()
    {
        try
        {
            if (_folder is not null && Directory.Exists(_folder))
                Directory.Delete(_folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // An empty folder in /tmp stays; nothing depends on it.
        }
    }
}
