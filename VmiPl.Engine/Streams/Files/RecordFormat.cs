using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace VmiPl.Streams.Files;

/// <summary>What a file of records looks like. Stateless but for the file that it was made for; used by one thread.</summary>
internal abstract class RecordFormat
{
    /// <summary>The format of a file: pcap for frames, JSON lines or text by its extension.</summary>
    public static RecordFormat For(string path, bool isPcap) =>
        isPcap ? new PcapFile()
        : Path.GetExtension(path).ToUpperInvariant() is ".JSON" or ".JSONL" or ".NDJSON" ? new JsonLines()
        : new TextLines();

    /// <summary>Whether the format has a way to say that records are missing.</summary>
    public virtual bool HasLosses => true;

    /// <summary>Looks at what a file holds and gives the length to go on at, after which <see cref="Begin"/> is written. Throws
    /// <c>FileFailure</c> where records of this format cannot follow.</summary>
    public abstract long Resume(SafeFileHandle file, long length, string path);

    /// <summary>Writes what comes before the first record of a file that is <paramref name="length"/> bytes long.</summary>
    public abstract void Begin(SafeFileHandle file, long length, IBufferWriter<byte> to);

    /// <summary>Writes one record.</summary>
    public abstract void Format(VmiRecord record, IBufferWriter<byte> to);
}
