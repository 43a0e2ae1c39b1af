using System.Management.Automation;
using System.Text;
using VmiPl.Errors;
using VmiPl.Machines;

namespace VmiPl.Commands.Memory;

/// <summary><c>Read-VmiMemory</c>: bytes, numbers or text from a guest's memory.</summary>
[Cmdlet(VerbsCommunications.Read, "VmiMemory", DefaultParameterSetName = VirtualSet)]
[OutputType(typeof(VmiMemoryBlock), typeof(byte[]), typeof(string), typeof(ulong), typeof(long), typeof(uint), typeof(int),
    typeof(ushort), typeof(short), typeof(byte), typeof(sbyte))]
public sealed class ReadVmiMemoryCommand : MemoryCommand
{
    private const int DefaultLength = 256;

    /// <summary>Bytes to read: 256 where left out; for a string the most that it may have.</summary>
    [Parameter(Position = 2)]
    [ValidateRange(1, int.MaxValue)]
    public int Length { get; set; }

    /// <summary>As what the bytes are given.</summary>
    [Parameter]
    public MemoryValueKind As { get; set; }

    /// <summary>How many numbers or strings in a row are read.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int Count { get; set; }

    /// <inheritdoc/>
    private protected override void Process(MemoryView view)
    {
        if (As == MemoryValueKind.String)
            Strings(view);
        else
            Bytes(view);
    }

    private void Bytes(MemoryView view)
    {
        int size = MemoryValue.SizeOf(As);
        if (Count > 0 && (size == 0 || Length > 0))
            throw new VmiException(VmiErrorCode.InvalidArgument, "-Count goes with -As and a number or String, and without -Length.");
        long length = Length > 0 ? Length : size > 0 ? (long)size * Math.Max(Count, 1) : DefaultLength;
        if (length > view.Machine.Limits.MaxReadBytes)
            throw new VmiException(VmiErrorCode.LimitExceeded, $"One command reads at most {view.Machine.Limits.MaxReadBytes} bytes; {length} were asked for. Save-VmiMemory writes all memory to a file.");
        byte[] buffer = new byte[length];
        int got = view.Read(view.Address, buffer);
        Write(view, size, got == buffer.Length ? buffer : buffer[..got]);
        if (got < buffer.Length)
            throw Unreadable(view, view.Address + (ulong)got, $"{got} of {buffer.Length} bytes were read");
    }

    private void Write(MemoryView view, int size, byte[] bytes)
    {
        if (size > 0)
        {
            for (int at = 0; at + size <= bytes.Length; at += size)
                WriteObject(MemoryValue.Decode(As, bytes.AsSpan(at, size)));
        }
        else if (bytes.Length > 0)
        {
            WriteObject(As switch
            {
                MemoryValueKind.Bytes => bytes,
                MemoryValueKind.Hex => Convert.ToHexStringLower(bytes),
                _ => new VmiMemoryBlock(view.Machine.Name, view.Address, view.Kind, view.ProcessId, bytes),
            }, enumerateCollection: false);
        }
    }

    private void Strings(MemoryView view)
    {
        int most = Math.Min(Length > 0 ? Length : int.MaxValue, view.Machine.Limits.MaxStringBytes);
        byte[] buffer = new byte[most];
        ulong address = view.Address;
        for (int i = 0; i < Math.Max(Count, 1); i++)
        {
            Stop.ThrowIfCancellationRequested();
            int length = StringLength(view, address, buffer, out int got);
            if (length > 0 || got > 0)
                WriteObject(Encoding.UTF8.GetString(buffer, 0, length));
            if (length == got && got < most)
                throw Unreadable(view, address + (ulong)got, $"the string was read up to there and has no end");
            address += (ulong)length + 1;
        }
    }

    /// <summary>Reads page by page, as a string's end is not known: the page behind it may be unmapped.</summary>
    private static int StringLength(MemoryView view, ulong address, byte[] buffer, out int got)
    {
        const int Page = 4096;
        got = 0;
        while (got < buffer.Length)
        {
            ulong at = address + (ulong)got;
            Span<byte> piece = buffer.AsSpan(got, Math.Min(Page - (int)(at & (Page - 1)), buffer.Length - got));
            int read = view.Read(at, piece);
            int nul = piece[..read].IndexOf((byte)0);
            got += read;
            if (nul >= 0)
                return got - read + nul;
            if (read < piece.Length)
                break;
        }
        return got;
    }

    private static VmiException Unreadable(MemoryView view, ulong address, string done) =>
        new(VmiErrorCode.AddressUnreadable, $"0x{address:x} in {view.Space} of '{view.Machine.Name}' cannot be read; {done}.", $"0x{address:x}");
}
