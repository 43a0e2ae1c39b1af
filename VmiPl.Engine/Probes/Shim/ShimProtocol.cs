using System.Runtime.InteropServices;
using System.Text;
using VmiPl.Errors;
using VmiPl.Probes.Shim.Abi;

namespace VmiPl.Probes.Shim;

/// <summary>The shim's messages, without sockets: bytes in, however they are cut, messages out. The other end may have been taken over. For one
/// thread.</summary>
internal sealed class ShimProtocol(int maxMessageBytes)
{
    private static readonly int HeadBytes = Marshal.SizeOf<AbiMessage>();

    private byte[] _bytes = new byte[4096];
    private int _start, _end;

    /// <summary>Adds bytes that were received.</summary>
    public void Feed(ReadOnlySpan<byte> bytes)
    {
        if (_end + bytes.Length > _bytes.Length)
        {
            int kept = _end - _start;
            byte[] target = kept + bytes.Length > _bytes.Length ? new byte[Math.Max(2 * _bytes.Length, kept + bytes.Length)] : _bytes;
            _bytes.AsSpan(_start, kept).CopyTo(target);
            (_bytes, _start, _end) = (target, 0, kept);
        }
        bytes.CopyTo(_bytes.AsSpan(_end));
        _end += bytes.Length;
    }

    /// <summary>The next whole message, or false. Throws <c>ShimLost</c> for what no shim sends; nothing can be taken after that.</summary>
    public bool TryTake(out ShimMessage message)
    {
        message = default;
        if (_end - _start < HeadBytes)
            return false;
        AbiMessage head = MemoryMarshal.Read<AbiMessage>(_bytes.AsSpan(_start));
        if (head.Size < HeadBytes || head.Size > maxMessageBytes)
            throw Broken($"a message of {head.Size} bytes");
        if (_end - _start < head.Size)
            return false;
        message = new ShimMessage(head, _bytes[(_start + HeadBytes)..(_start + (int)head.Size)]);
        _start += (int)head.Size;
        return true;
    }

    /// <summary>A request with a payload in pieces.</summary>
    public static byte[] Request(AbiRequest type, uint sequence, params ReadOnlySpan<byte[]> payload)
    {
        int length = HeadBytes;
        foreach (byte[] piece in payload)
            length += piece.Length;
        if (length > AbiNumbers.MaxMessage)
            throw new VmiException(VmiErrorCode.LimitExceeded, $"A request of {length} bytes is more than the shim takes ({AbiNumbers.MaxMessage}).");
        byte[] message = new byte[length];
        var head = new AbiMessage { Size = (uint)length, Type = (uint)type, Sequence = sequence };
        MemoryMarshal.Write(message, in head);
        int at = HeadBytes;
        foreach (byte[] piece in payload)
        {
            piece.CopyTo(message, at);
            at += piece.Length;
        }
        return message;
    }

    /// <summary>The bytes of structures, one behind the other.</summary>
    public static byte[] Bytes<T>(params ReadOnlySpan<T> values) where T : unmanaged => MemoryMarshal.AsBytes(values).ToArray();

    /// <summary>Why a request was refused: its text, on one line and of printable characters.</summary>
    public static string TextOf(ReadOnlySpan<byte> payload)
    {
        const int MaxText = 512;
        var text = new StringBuilder(Encoding.UTF8.GetString(payload[..Math.Min(payload.Length, MaxText)]));
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsControl(text[i]))
                text[i] = ' ';
        }
        return text.ToString().Trim();
    }

    /// <summary>The error for what no shim does.</summary>
    public static VmiException Broken(string what) => new(VmiErrorCode.ShimLost, $"The shim in QEMU broke its protocol: {what}.");
}
