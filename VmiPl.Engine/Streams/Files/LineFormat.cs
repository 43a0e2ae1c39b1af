using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace VmiPl.Streams.Files;

/// <summary>Formats of one line for each record.</summary>
internal abstract class LineFormat : RecordFormat
{
    /// <inheritdoc/>
    public override long Resume(SafeFileHandle file, long length, string path) => length;

    /// <summary>Ends a line that another writer left unfinished.</summary>
    public override void Begin(SafeFileHandle file, long length, IBufferWriter<byte> to)
    {
        Span<byte> last = stackalloc byte[1];
        if (length > 0 && RandomAccess.Read(file, last, length - 1) == 1 && last[0] != (byte)'\n')
            to.Write("\n"u8);
    }
}
