using System.Buffers.Binary;
using System.Globalization;
using VmiPl.Memory;

namespace VmiPl.Machines.ProcessMemory;

/// <summary>Guest RAM through the monitor's <c>xp</c> command: the last resort, some hundred KiB/s, read-only. The text
/// (<c>00000000000ffff0: 0xea 0x5b …</c>, numbers in the guest's byte order as the monitor reads them) was seen in QEMU 7.2,
/// 10.0 and 11.1. Safe from any thread.</summary>
internal sealed class MonitorMemory : IGuestMemory
{
    private const int MaxPiece = 4096;
    private readonly Func<string, string> _command;
    private readonly RamMap _map;

    /// <summary>Makes a source over a monitor's commands. Of <paramref name="map"/> only the guest's side is used.</summary>
    public MonitorMemory(Func<string, string> command, RamMap map)
    {
        _command = command;
        _map = map;
    }

    /// <inheritdoc/>
    public IReadOnlyList<PhysicalRange> Ranges => _map.Ranges;

    /// <inheritdoc/>
    public MemoryAccess Access => MemoryAccess.Monitor;

    /// <inheritdoc/>
    public int Read(GuestPhysicalAddress address, Span<byte> buffer)
    {
        int done = 0;
        // Only inside RAM: the same command reads device registers, and that can change what a device does.
        while (done < buffer.Length && _map.TryFind(address.Value + (ulong)done, out _, out ulong left))
        {
            int want = (int)Math.Min(Math.Min(left, MaxPiece), (ulong)(buffer.Length - done));
            int got = ReadPiece(address.Value + (ulong)done, buffer.Slice(done, want));
            done += got;
            if (got < want)
                break;
        }
        return done;
    }

    private int ReadPiece(ulong address, Span<byte> buffer)
    {
        bool words = buffer.Length % 8 == 0;
        int count = words ? buffer.Length / 8 : buffer.Length;
        string text = _command(string.Create(CultureInfo.InvariantCulture, $"xp /{count}x{(words ? 'g' : 'b')} 0x{address:x}"));
        int done = 0;
        foreach (string line in text.Split('\n'))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0)
                continue;
            foreach (string number in line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                Span<byte> at = buffer[done..];
                if (!number.StartsWith("0x", StringComparison.Ordinal) || at.Length < (words ? 8 : 1)
                    || !ulong.TryParse(number.AsSpan(2).TrimEnd('\r'), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value))
                    return done;
                if (words)
                    BinaryPrimitives.WriteUInt64LittleEndian(at, value);
                else
                    at[0] = (byte)value;
                done += words ? 8 : 1;
            }
        }
        return done;
    }
}
