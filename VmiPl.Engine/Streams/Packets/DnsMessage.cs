using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text;

namespace VmiPl.Streams.Packets;

/// <summary>Reads DNS messages (RFC 1035 §4): questions and answers as text. The message is untrusted: a name's pointers must lead backwards, names end
/// where RFC 1035 §2.3.4 says, and no more than <see cref="MaxEntries"/> of either are read. Never throws.</summary>
internal static class DnsMessage
{
    private const int HeaderSize = 12, MaxEntries = 64, MaxNameBytes = 255, MaxText = 512;

    /// <summary>What the message asks and answers, as far as it can be read; <c>Whole</c> tells whether that is everything.</summary>
    public static (string[] Names, string[] Answers, bool Whole) Read(ReadOnlySpan<byte> message)
    {
        var names = new List<string>();
        var answers = new List<string>();
        bool whole = message.Length >= HeaderSize && ReadEntries(message, names, answers);
        return ([.. names], [.. answers], whole);
    }

    private static bool ReadEntries(ReadOnlySpan<byte> message, List<string> names, List<string> answers)
    {
        int questions = UInt16(message, 4), replies = UInt16(message, 6), at = HeaderSize;
        for (int i = 0; i < Math.Min(questions, MaxEntries); i++)
        {
            if (!TryReadName(message, ref at, out string name) || message.Length - at < 4)
                return false;
            at += 4;   // type and class
            names.Add(name);
        }
        for (int i = 0; questions <= MaxEntries && i < Math.Min(replies, MaxEntries); i++)
        {
            if (!TryReadName(message, ref at, out string name) || message.Length - at < 10)
                return false;
            int type = UInt16(message, at), length = UInt16(message, at + 8);
            at += 10;
            if (message.Length - at < length)
                return false;
            answers.Add($"{name} {Data(message, type, at, length)}");
            at += length;
        }
        return questions <= MaxEntries && replies <= MaxEntries;
    }

    private static string Data(ReadOnlySpan<byte> message, int type, int at, int length)
    {
        ReadOnlySpan<byte> data = message.Slice(at, length);
        // IANA's numbers, https://www.iana.org/assignments/dns-parameters
        return type switch
        {
            1 when length == 4 => $"A {new IPAddress(data)}",
            28 when length == 16 => $"AAAA {new IPAddress(data)}",
            2 => "NS " + NameIn(message, at, length, 0),
            5 => "CNAME " + NameIn(message, at, length, 0),
            12 => "PTR " + NameIn(message, at, length, 0),
            15 when length > 2 => "MX " + NameIn(message, at, length, 2),
            33 when length > 6 => string.Create(CultureInfo.InvariantCulture, $"SRV {NameIn(message, at, length, 6)}:{UInt16(message, at + 4)}"),
            16 => "TXT " + Texts(data),
            _ => string.Create(CultureInfo.InvariantCulture, $"TYPE{type} ({length} bytes)"),
        };
    }

    private static string NameIn(ReadOnlySpan<byte> message, int at, int length, int offset)
    {
        int start = at + offset;
        return TryReadName(message[..(at + length)], ref start, out string name) ? name : "?";
    }

    private static string Texts(ReadOnlySpan<byte> data)
    {
        var text = new StringBuilder();
        while (!data.IsEmpty && text.Length < MaxText)
        {
            int length = Math.Min(data[0], data.Length - 1);
            Append(text, data.Slice(1, length), isLabel: false);
            data = data[(1 + length)..];
        }
        return text.ToString();
    }

    private static bool TryReadName(ReadOnlySpan<byte> message, ref int at, out string name)
    {
        var text = new StringBuilder();
        int position = at, bytes = 0, limit = at;
        bool jumped = false;
        name = "";
        while (position < message.Length)
        {
            int length = message[position];
            if ((length & 0xc0) == 0xc0)
            {
                if (position + 1 >= message.Length)
                    return false;
                int target = UInt16(message, position) & 0x3fff;
                if (!jumped)
                    at = position + 2;
                jumped = true;
                // Only backwards, each time further than before: so the walk ends.
                if (target >= limit)
                    return false;
                position = limit = target;
                continue;
            }
            if (length == 0)
            {
                if (!jumped)
                    at = position + 1;
                name = text.Length == 0 ? "." : text.ToString();
                return true;
            }
            bytes += length + 1;
            if ((length & 0xc0) != 0 || bytes > MaxNameBytes || message.Length - position - 1 < length)
                return false;
            if (text.Length > 0)
                text.Append('.');
            Append(text, message.Slice(position + 1, length), isLabel: true);
            position += 1 + length;
        }
        return false;
    }

    /// <summary>Printable ASCII as it is, the rest as <c>\ddd</c> (RFC 1035 §5.1), dots and backslashes in a label with a backslash.</summary>
    private static void Append(StringBuilder text, ReadOnlySpan<byte> bytes, bool isLabel)
    {
        foreach (byte b in bytes)
        {
            if (b is < 0x21 or > 0x7e && !(b == (byte)' ' && !isLabel))
                text.Append('\\').Append(b.ToString("D3", CultureInfo.InvariantCulture));
            else if (b == (byte)'\\' || (isLabel && b == (byte)'.'))
                text.Append('\\').Append((char)b);
            else
                text.Append((char)b);
        }
    }

    private static int UInt16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);
}
