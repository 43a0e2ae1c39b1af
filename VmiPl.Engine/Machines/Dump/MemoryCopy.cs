using Microsoft.Win32.SafeHandles;
using VmiPl.Memory;

namespace VmiPl.Machines.Dump;

/// <summary>Copies a machine's memory into a file that already has its length: pages of zeros are not written and stay
/// holes, pages that cannot be read are counted and stay zeros.</summary>
internal sealed class MemoryCopy(IGuestMemory memory, SafeFileHandle file, IProgress<double>? progress, CancellationToken cancellation)
{
    private const int Page = 4096, Chunk = 1 << 20;
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(Chunk);
    private ulong _unreadable;

    /// <summary>Copies every run, each from a page boundary of the file on. Returns the bytes that could not be read.</summary>
    public ulong Run(long offset)
    {
        ulong total = 0, done = 0;
        foreach (PhysicalRange range in memory.Ranges)
            total += range.Length;
        foreach (PhysicalRange range in memory.Ranges)
        {
            for (ulong at = 0; at < range.Length; at += Chunk)
            {
                cancellation.ThrowIfCancellationRequested();
                ulong data = Math.Min(memory.SkipHole(range.Start + at).Value - range.Start.Value, range.Length);
                if (data >= at + Chunk)
                {
                    // Zeros, known without a look: on to the chunk that holds more.
                    ulong skipped = (data - at) & ~(ulong)(Chunk - 1);
                    done += skipped;
                    at += skipped;
                    if (at >= range.Length)
                        break;
                }
                int length = (int)Math.Min(Chunk, range.Length - at);
                Span<byte> chunk = _buffer.AsSpan(0, length);
                Fill(range.Start + at, chunk);
                Put(chunk, offset + (long)at);
                done += (ulong)length;
                progress?.Report((double)done / total);
            }
            offset += (long)((range.Length + Page - 1) & ~(ulong)(Page - 1));
        }
        return _unreadable;
    }

    private void Fill(GuestPhysicalAddress address, Span<byte> chunk)
    {
        int done = 0;
        while (done < chunk.Length)
        {
            done += memory.Read(address + (ulong)done, chunk[done..]);
            if (done >= chunk.Length)
                break;
            // Leave out the rest of the page and go on behind it.
            int gap = Math.Min(Page - (int)((address.Value + (ulong)done) & (Page - 1)), chunk.Length - done);
            chunk.Slice(done, gap).Clear();
            _unreadable += (ulong)gap;
            done += gap;
        }
    }

    /// <summary>Writes the runs of pages that are not all zeros.</summary>
    private void Put(ReadOnlySpan<byte> chunk, long offset)
    {
        int start = 0;
        while (start < chunk.Length)
        {
            int end = start;
            while (end < chunk.Length && chunk[end..Math.Min(end + Page, chunk.Length)].ContainsAnyExcept((byte)0))
                end = Math.Min(end + Page, chunk.Length);
            if (end > start)
                RandomAccess.Write(file, chunk[start..end], offset + start);
            start = end + Page;
        }
    }
}
