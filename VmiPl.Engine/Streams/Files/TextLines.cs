using System.Buffers;
using System.Globalization;
using System.Text;

namespace VmiPl.Streams.Files;

/// <summary>One line of text a record: time (UTC), event with its label, vCPU, what the probe saw, and what did not work. The guest chose much of
/// it: control characters, and those that turn the direction of text around, show as dots.</summary>
internal sealed class TextLines : LineFormat
{
    private const int ShownBytes = 4096;

    /// <inheritdoc/>
    public override void Format(VmiRecord record, IBufferWriter<byte> to)
    {
        var line = new StringBuilder();
        line.Append(record.Time.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture)).Append(' ');
        if (record.Label is not null)
            line.Append(record.Label).Append(": ");
        line.Append(record.Event);
        if (record.Vcpu >= 0)
            line.Append(CultureInfo.InvariantCulture, $" vCPU {record.Vcpu}");
        line.Append(CultureInfo.InvariantCulture, $" {record.Probe}{(record.Probe.Length > 0 ? " " : "")}{Values(record)}");
        if (record.Error is not null)
            line.Append(" [").Append(record.Error).Append(']');
        for (int i = 0; i < line.Length; i++)
        {
            if (CharUnicodeInfo.GetUnicodeCategory(line[i])
                is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
                line[i] = '.';
        }
        line.Append('\n');
        to.Write(Encoding.UTF8.GetBytes(line.ToString()));
    }

    private static string Values(VmiRecord record) => record switch
    {
        RegisterRecord r => Invariant($"{r.Register}=0x{r.Value:x}"),
        MemoryRecord r => Invariant($"0x{r.Address:x} {Hex(r.Bytes)}"),
        TextRecord r => Invariant($"0x{r.Address:x} {r.Text}{(r.IsCut ? "…" : "")}"),
        VmcsRecord r => Joined(("EXIT_REASON", Hex(r.ExitReason)), ("INTR_INFO", Hex(r.InterruptInformation)), ("EXIT_QUALIFICATION", Hex(r.ExitQualification))),
        ProcessRecord r => Joined(("PID", r.ProcessId?.ToString(CultureInfo.InvariantCulture)), ("NAME", r.Name), ("PATH", r.Path), ("PGDP", Hex(r.PageDirectory))),
        FailureRecord r => Hex(r.Address) ?? "",
        LossRecord r => Invariant($"{r.Lost} records of probe {r.ProbeId} are missing here"),
        FrameRecord r => r.Packet.Summary,
        KeyRecord r => Joined(("", $"{r.Key} {(r.IsPressed ? "pressed" : "released")}"), ("", r.Device)),
        NoticeRecord r => r.Text,
        _ => "",
    };

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static string? Hex(ulong? value) => value is null ? null : Invariant($"0x{value:x}");

    private static string Hex(IReadOnlyList<byte> bytes) =>
        Convert.ToHexStringLower([.. bytes.Take(ShownBytes)]) + (bytes.Count > ShownBytes ? "…" : "");

    private static string Joined(params ReadOnlySpan<(string Name, string? Value)> values)
    {
        var text = new StringBuilder();
        foreach ((string name, string? value) in values)
        {
            if (!string.IsNullOrEmpty(value))
                text.Append(text.Length > 0 ? " " : "").Append(name).Append(name.Length > 0 ? "=" : "").Append(value);
        }
        return text.ToString();
    }
}
