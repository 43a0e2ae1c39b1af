using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Streams;
using VmiPl.Tests.Machines;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Streams;

/// <summary>The process between a FIFO and its reader: nothing is lost, nothing grows without end, and neither side's end is hidden from the other.</summary>
[Collection(nameof(NativeProgram))]
public sealed class PipeBufferTests : IDisposable
{
    private const int Kept = 64 << 20, PipeBytes = 1 << 20;
    private readonly TemporaryFolder _folder = new();
    private readonly NamedPipe _from;

    public PipeBufferTests() => _from = NamedPipe.Create(_folder.File("from"));

    public void Dispose()
    {
        _from.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task What_is_written_in_pieces_of_any_size_is_read_in_order_up_to_its_end()
    {
        using PipeBuffer buffer = Start();
        var random = new Random(64);
        byte[] all = new byte[80 << 20];   // twice around what is kept
        random.NextBytes(all);
        Task writing = Task.Run(() =>
        {
            var sizes = new Random(65);
            using FileStream to = OpenWriter();
            for (int at = 0, size; at < all.Length; at += size)
            {
                size = Math.Min(all.Length - at, sizes.Next(1, 30_000));
                to.Write(all, at, size);
            }
        }, TestContext.Current.CancellationToken);
        byte[] piece = new byte[200_000];
        int count = 0;
        while (true)
        {
            int got = buffer.Pipe.Read(piece.AsSpan(0, random.Next(1, piece.Length)));
            if (got == 0)
                break;
            if (got < 0)
            {
                buffer.Pipe.Wait(1000);
                continue;
            }
            Assert.True(all.AsSpan(count, got).SequenceEqual(piece.AsSpan(0, got)), $"bytes {count} to {count + got}");
            count += got;
        }
        await writing;
        Assert.Equal(all.Length, count);
    }

    [Fact]
    public void A_reader_that_hangs_lets_its_writer_go_on_until_so_much_is_kept_and_no_longer()
    {
        using PipeBuffer buffer = Start();
        using FileStream to = OpenWriter();
        Assert.True(BorrowedDescriptor.TryMakeNonBlocking(Environment.ProcessId, (int)to.SafeFileHandle.DangerousGetHandle(), out _));
        byte[] piece = new byte[4096];
        long written = 0;
        // It may be behind for a moment; when it takes nothing for so long, it is full.
        IdleQemu.Await(() =>
        {
            long before = written;
            while (TryWrite(to, piece))
                written += piece.Length;
            return written == before && written >= Kept;
        });
        Assert.InRange(written, Kept, Kept + 2 * PipeBytes + piece.Length);
        long read = 0;
        byte[] some = new byte[1 << 20];
        while (read < written)
        {
            int got = buffer.Pipe.Read(some);
            Assert.NotEqual(0, got);
            read += Math.Max(0, got);
            if (got < 0)
                buffer.Pipe.Wait(1000);
        }
        Assert.True(TryWrite(to, piece));
    }

    [Fact]
    public void The_end_of_the_reader_is_the_writers()
    {
        using FileStream to = OpenWriter();
        Start().Dispose();
        _from.Dispose();
        Assert.Equal(-1, NativeFile.WriteOn(to.SafeFileHandle, [1], out int error));
        Assert.Equal("Broken pipe", Errno.Text(error));
    }

    [Fact]
    public void A_program_that_can_not_be_had_is_named()
    {
        NativeProgram.Replaced = (NativeProgram.Buffer, "/nowhere/vmi-buffer");
        try
        {
            Assert.Contains("/nowhere", Assert.Throws<VmiException>(Start).Message, StringComparison.Ordinal);
            NativeProgram.Replaced = (NativeProgram.Buffer, "/bin/false");
            Assert.Contains("/bin/false", Assert.Throws<IOException>(Start).Message, StringComparison.Ordinal);
        }
        finally
        {
            NativeProgram.Replaced = null;
        }
    }

    private PipeBuffer Start() => new(_folder.File("from"), _folder.File("to"));

    private FileStream OpenWriter() => new(_folder.File("from"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);

    private static bool TryWrite(FileStream to, byte[] piece) => NativeFile.WriteOn(to.SafeFileHandle, piece, out _) == piece.Length;
}
