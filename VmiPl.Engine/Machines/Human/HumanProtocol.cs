using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;
using VmiPl.Errors;

namespace VmiPl.Machines.Human;

/// <summary>QEMU's human monitor with no socket in it: bytes go in, the text between two prompts comes out. The monitor echoes
/// what is typed with a terminal's escape codes; these and the echo are taken off. Not thread-safe.</summary>
internal sealed partial class HumanProtocol
{
    private readonly int _maxBytes;
    private readonly ArrayBufferWriter<byte> _text = new(4096);
    private bool _greeted;

    /// <summary>Makes a protocol at the start of a connection. Answers longer than <paramref name="maxBytes"/> are refused.</summary>
    public HumanProtocol(int maxBytes) => _maxBytes = maxBytes;

    private static ReadOnlySpan<byte> Prompt => "(qemu) "u8;

    /// <summary>Takes the next bytes of the connection. Throws <c>MonitorProtocol</c> where there are too many, or where the
    /// connection doesn't begin as QEMU's does.</summary>
    public void Feed(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > _maxBytes - _text.WrittenCount)
            throw new VmiException(VmiErrorCode.MonitorProtocol, $"The human monitor's answer is longer than {_maxBytes} bytes.");
        _text.Write(bytes);
        // "QEMU 7.2.22 monitor - type 'help' for more information": 7.2, 10.0, 11.1.
        ReadOnlySpan<byte> start = _text.WrittenSpan, banner = "QEMU "u8;
        int common = Math.Min(start.Length, banner.Length);
        if (!_greeted && !start[..common].SequenceEqual(banner[..common]))
            throw new VmiException(VmiErrorCode.MonitorProtocol, $"What answers is not QEMU's human monitor: {Qmp.QmpProtocol.Sample(start)}");
    }

    /// <summary>The answer, once the prompt that follows it has come: the banner for the first, else what the command printed.</summary>
    public bool TryTake(out string answer)
    {
        ReadOnlySpan<byte> text = _text.WrittenSpan;
        bool ended = text.EndsWith(Prompt) && (text.Length == Prompt.Length || text[^(Prompt.Length + 1)] == (byte)'\n');
        answer = "";
        if (!ended)
            return false;
        string plain = EscapeCodes().Replace(Encoding.UTF8.GetString(text[..^Prompt.Length]), "").ReplaceLineEndings("\n");
        _text.ResetWrittenCount();
        answer = _greeted ? plain[(plain.IndexOf('\n', StringComparison.Ordinal) + 1)..] : plain;
        _greeted = true;
        return true;
    }

    [GeneratedRegex(@"\x1b\[[0-9;]*[A-Za-z]", RegexOptions.CultureInvariant)]
    private static partial Regex EscapeCodes();
}
