using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace VmiPl.Streams.Keyboard;

/// <summary>QEMU's log as its trace backend <c>log</c> writes it, with no file in it: bytes go in as they come, in pieces of any size; keys come out,
/// and the lines that are something else. Seen with QEMU 7.2: <c>input_event_key_qcode con -1, key qcode a, down 1</c> and
/// <c>input_event_key_number con 0, key number 0x1e [a], down 1</c> (ui/trace-events), behind <c>PID@SECONDS:</c> where QEMU was started with
/// <c>-msg timestamp=on</c>. Untrusted; never throws. Not thread-safe.</summary>
internal sealed partial class TraceLog
{
    /// <summary>Longer lines are cut into pieces of this size, of which none is taken for a key.</summary>
    private const int MaxLine = 4096;
    private readonly ArrayBufferWriter<byte> _line = new(256);
    private bool _isPiece;

    /// <summary>Takes the next bytes. <paramref name="foreign"/> gets every line, or piece of one, that is none of ours, as it is.</summary>
    public void Feed(ReadOnlySpan<byte> bytes, Action<string, bool, string> key, Action<ReadOnlySpan<byte>> foreign)
    {
        while (!bytes.IsEmpty)
        {
            int end = bytes[..Math.Min(bytes.Length, MaxLine - _line.WrittenCount)].IndexOf((byte)'\n');
            int taken = end >= 0 ? end + 1 : Math.Min(bytes.Length, MaxLine - _line.WrittenCount);
            _line.Write(bytes[..taken]);
            bytes = bytes[taken..];
            if (end < 0 && _line.WrittenCount < MaxLine)
                return;
            if (_isPiece || !TryParse(_line.WrittenSpan, key))
                foreign(_line.WrittenSpan);
            _isPiece = end < 0;
            _line.ResetWrittenCount();
        }
    }

    private static bool TryParse(ReadOnlySpan<byte> line, Action<string, bool, string> key)
    {
        if (line.IndexOf("input_event_key_"u8) < 0 || Event().Match(Encoding.Latin1.GetString(line)) is not { Success: true } match)
            return false;
        string name = match.Groups["name"].Value, number = match.Groups["number"].Value, console = match.Groups["console"].Value;
        bool hasName = name.Length > 0 && name != "unmapped";
        bool hasConsole = int.TryParse(console, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int index) && index >= 0;
        key(hasName || number.Length == 0 ? name : number, match.Groups["down"].Value == "1", hasConsole ? "console " + console : "");
        return true;
    }

    [GeneratedRegex(
        @"^(?:\d+@\d+\.\d+:)?input_event_key_(?:qcode con (?<console>-?\d+), key qcode (?<name>[A-Za-z0-9_]+)|number con (?<console>-?\d+), key number (?<number>0x[0-9a-f]+) \[(?<name>[A-Za-z0-9_]*)\]), down (?<down>[01])\r?\n$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Event();
}
