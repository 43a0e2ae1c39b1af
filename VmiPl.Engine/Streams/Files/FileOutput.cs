using System.Buffers;
using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using VmiPl.Errors;
using VmiPl.Interop;

namespace VmiPl.Streams.Files;

/// <summary>A file of records with its queue and the thread that writes it. What has come is written at once, so the file is never behind by more than
/// one write. While it cannot be written (a full disk), that is tried again every second, and records wait in the queue like those of a
/// slow reader; a piece of a write that went wrong is cut off again. Owns the file.</summary>
internal sealed class FileOutput : IDisposable
{
    private const int BatchBytes = 256 * 1024;
    private static readonly TimeSpan RetryEvery = TimeSpan.FromSeconds(1);
    private readonly SafeFileHandle _file;
    private readonly bool _isRegular;
    private readonly RecordFormat _format;
    private readonly StreamOptions _options;
    private readonly RecordStream _notices;
    private readonly ArrayBufferWriter<byte> _bytes = new(BatchBytes);
    private readonly List<VmiRecord> _batch = [];
    private readonly ManualResetEventSlim _ending = new();
    private readonly Thread _writer;
    private long _length;
    private int _taken;
    private bool _isFailing, _hasDebris;

    /// <summary>Opens the file and takes its place at the end. <paramref name="notices"/> gets what is to be said about it, and the
    /// losses that its format cannot hold. Throws <c>FileFailure</c> or <c>AccessDenied</c>.</summary>
    public FileOutput(string path, RecordFormat format, StreamOptions options, RecordStream notices)
    {
        _format = format;
        _options = options;
        _notices = notices;
        Queue = new RecordStream(path, options, hasReaderThread: true);
        _file = Open(path, options.ExistingFile);
        try
        {
            _isRegular = NativeFile.TryGetFacts(_file, out FileFacts facts) && facts.IsRegular;
            _length = _isRegular ? format.Resume(_file, RandomAccess.GetLength(_file), path) : 0;
            format.Begin(_file, _length, _bytes);
        }
        catch (Exception e)
        {
            _file.Dispose();
            if (e is IOException or UnauthorizedAccessException)
                throw Failure(path, e.Message, VmiErrorCode.FileFailure, e);
            throw;
        }
        _writer = new Thread(Run) { IsBackground = true, Name = "VmiPl " + Path.GetFileName(path) };
    }

    /// <summary>What is on its way to the file; its name is the file's path.</summary>
    public RecordStream Queue { get; }

    /// <summary>Whether it takes frames only.</summary>
    public bool IsPcap => _format is PcapFile;

    /// <summary>Begins to write.</summary>
    public void Start() => _writer.Start();

    /// <summary>Writes what waits, as long as that works, and closes the file. Returns after <see cref="StreamOptions.BlockTimeout"/> even if a write
    /// hangs; the thread then closes the file when it comes back.</summary>
    public void Dispose()
    {
        Queue.Complete();
        _ending.Set();
        if (_writer.ThreadState.HasFlag(System.Threading.ThreadState.Unstarted))
            _file.Dispose();
        else
            _writer.Join(_options.BlockTimeout);
    }

    private static SafeFileHandle Open(string path, ExistingFile existing) =>
        NativeFile.TryOpenOrCreate(path, existing == ExistingFile.Replace, out int error)
        ?? throw Failure(path, Errno.Text(error), Errno.IsDenied(error) ? VmiErrorCode.AccessDenied : VmiErrorCode.FileFailure);

    private static VmiException Failure(string path, string reason, VmiErrorCode code, Exception? inner = null) =>
        new(code, $"The output file '{path}' cannot be opened: {reason}.", path, inner);

    private void Run()
    {
        try
        {
            while (Fill())
            {
                while (!TryWrite())
                {
                    // At the end there is one try more, and no waiting.
                    if (_ending.IsSet)
                    {
                        GiveUp();
                        return;
                    }
                    _ending.Wait(RetryEvery);
                }
                Forget();
            }
        }
        finally
        {
            _file.Dispose();
        }
    }

    /// <summary>Waits for records and formats those that are there; false at the end of all.</summary>
    private bool Fill()
    {
        // What a format begins with is written without waiting for a record: an empty pcap file is one too.
        if (_bytes.WrittenCount == 0 && !Queue.WaitToRead())
            return false;
        while (_bytes.WrittenCount < BatchBytes && Queue.TryRead(out VmiRecord record))
        {
            if (record is LossRecord loss && !_format.HasLosses)
                _notices.Announce(loss);
            else
                _format.Format(record, _bytes);
            _batch.Add(record);
        }
        return true;
    }

    private bool TryWrite()
    {
        try
        {
            if (_isRegular)
                WriteAtEnd();
            else
                WriteOn();
            _isFailing = false;
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            if (!_isFailing)
                Tell(e.Message);
            _isFailing = true;
            return false;
        }
    }

    private void WriteAtEnd()
    {
        if (_hasDebris)
            RandomAccess.SetLength(_file, _length);
        _hasDebris = true;
        RandomAccess.Write(_file, _bytes.WrittenSpan, _length);
        _hasDebris = false;
        _length += _bytes.WrittenCount;
    }

    /// <summary>A FIFO, a terminal: what it took it has, so the rest follows later.</summary>
    private void WriteOn()
    {
        while (_taken < _bytes.WrittenCount)
        {
            int written = NativeFile.WriteOn(_file, _bytes.WrittenSpan[_taken..], out int error);
            _taken += written >= 0 ? written : throw new IOException(Errno.Text(error));
        }
    }

    private void Forget()
    {
        _taken = 0;
        _bytes.ResetWrittenCount();
        _batch.Clear();
    }

    /// <summary>The end has come: what could not be written is lost, and the file does not end in the middle of a record.</summary>
    private void GiveUp()
    {
        foreach (VmiRecord record in _batch)
            Queue.Unread(record);
        while (Queue.TryRead(out VmiRecord record))
            Queue.Unread(record);
        try
        {
            if (_hasDebris)
                RandomAccess.SetLength(_file, _length);
        }
        catch (IOException)
        {
            // The half record at the end stays; it was told that the file cannot be written.
        }
    }

    private void Tell(string reason) => _notices.Write(new NoticeRecord
    {
        Time = DateTime.UtcNow, ProbeId = -1, Vcpu = -1, Event = "Session", Stream = Language.Model.Output.DefaultStream,
        Text = $"The output file '{Queue.Name}' cannot be written; what does not fit into the queue meanwhile is lost.",
        Error = $"{Queue.Name}: {reason}",
    });
}
