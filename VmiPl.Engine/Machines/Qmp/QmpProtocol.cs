using System.Buffers;
using System.Text;
using System.Text.Json;
using VmiPl.Errors;

namespace VmiPl.Machines.Qmp;

/// <summary>QEMU's machine protocol (docs/interop/qmp-spec) with no socket in it: bytes go in as they come, in pieces of any
/// size, and messages come out. Understands the plain and the pretty form. Every bound is checked before memory is
/// taken; what is no QMP ends in <c>MonitorProtocol</c> and the protocol is of no further use. Not thread-safe.</summary>
public sealed class QmpProtocol
{
    private const int MaxDepth = 64, SampleBytes = 60;
    private readonly int _maxMessageBytes;
    private readonly ArrayBufferWriter<byte> _message = new(4096);
    private readonly Queue<QmpMessage> _ready = new();
    private int _depth;
    private bool _inString, _afterBackslash;

    /// <summary>Makes a protocol at the start of a connection. Messages longer than <paramref name="maxMessageBytes"/> are refused.</summary>
    public QmpProtocol(int maxMessageBytes) => _maxMessageBytes = maxMessageBytes;

    /// <summary>Takes the next bytes of the connection. Throws <c>MonitorProtocol</c> where they can't be QMP.</summary>
    public void Feed(ReadOnlySpan<byte> bytes)
    {
        int start = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            byte b = bytes[i];
            if (_depth == 0)
            {
                start = i;
                if (b is (byte)' ' or (byte)'\r' or (byte)'\n' or (byte)'\t')
                    continue;
                if (b != (byte)'{')
                    throw Garbage(bytes[i..]);
                _depth = 1;
            }
            else if (Ends(b))
            {
                Keep(bytes[start..(i + 1)]);
                _ready.Enqueue(Parse(_message.WrittenSpan));
                _message.ResetWrittenCount();
                start = i + 1;
            }
        }
        if (_depth > 0)
            Keep(bytes[start..]);
    }

    /// <summary>The next whole message, or false where more bytes are needed.</summary>
    public bool TryTake(out QmpMessage message) => _ready.TryDequeue(out message!);

    /// <summary>A command as it goes over the wire. <paramref name="arguments"/> writes the object of arguments, or is null.</summary>
    public static byte[] Command(string name, long id, Action<Utf8JsonWriter>? arguments = null)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("execute", name);
            if (arguments is not null)
            {
                json.WriteStartObject("arguments");
                arguments(json);
                json.WriteEndObject();
            }
            json.WriteNumber("id", id);
            json.WriteEndObject();
        }
        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Text for an error message: printable ASCII, cut short.</summary>
    internal static string Sample(ReadOnlySpan<byte> bytes)
    {
        string text = Encoding.ASCII.GetString(bytes[..Math.Min(bytes.Length, SampleBytes)]);
        return string.Create(text.Length, text, (target, source) =>
        {
            for (int i = 0; i < target.Length; i++)
                target[i] = char.IsControl(source[i]) ? '.' : source[i];
        });
    }

    /// <summary>Follows one byte of a message; true where it is its last one.</summary>
    private bool Ends(byte b)
    {
        if (_inString)
        {
            _inString = _afterBackslash || b != (byte)'"';
            _afterBackslash = !_afterBackslash && b == (byte)'\\';
            return false;
        }
        switch (b)
        {
            case (byte)'"':
                _inString = true;
                break;
            case (byte)'{' or (byte)'[':
                if (++_depth > MaxDepth)
                    throw Violation("the message is nested too deeply");
                break;
            case (byte)'}' or (byte)']':
                return --_depth == 0;
        }
        return false;
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _maxMessageBytes - _message.WrittenCount)
            throw Violation($"the message is longer than {_maxMessageBytes} bytes");
        _message.Write(bytes);
    }

    private static QmpMessage Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes);
            JsonElement root = JsonElement.ParseValue(ref reader);
            long? id = root.TryGetProperty("id", out JsonElement number) && number.ValueKind == JsonValueKind.Number
                && number.TryGetInt64(out long value) ? value : null;
            if (root.TryGetProperty("QMP", out JsonElement greeting))
                return new QmpMessage(QmpMessageKind.Greeting, id, "", greeting);
            if (root.TryGetProperty("return", out JsonElement result))
                return new QmpMessage(QmpMessageKind.Return, id, "", result);
            if (root.TryGetProperty("error", out JsonElement error))
                return new QmpMessage(QmpMessageKind.Error, id, TextOf(error, "class"), error);
            if (root.TryGetProperty("event", out _))
                return new QmpMessage(QmpMessageKind.Event, id, TextOf(root, "event"), root);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Violation($"broken JSON: {Sample(bytes)}", e);
        }
        throw Violation($"a message of no known kind: {Sample(bytes)}");
    }

    /// <summary>A member of an object as text; empty where it is not there or no text. Never throws.</summary>
    internal static string TextOf(JsonElement element, string name)
    {
        try
        {
            return element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement text)
                && text.ValueKind == JsonValueKind.String ? text.GetString() ?? "" : "";
        }
        catch (InvalidOperationException)
        {
            return "";   // a lone surrogate, which is no text
        }
    }

    private static VmiException Garbage(ReadOnlySpan<byte> bytes) =>
        Violation($"what answers is not QMP: {Sample(bytes)}");

    private static VmiException Violation(string what, Exception? inner = null) =>
        new(VmiErrorCode.MonitorProtocol, $"The monitor broke its protocol: {what}.", null, inner);
}
