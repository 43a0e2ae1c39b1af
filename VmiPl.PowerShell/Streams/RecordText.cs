using System.Management.Automation;
using System.Text;

namespace VmiPl.Commands.Streams;

/// <summary>Says in one line what a record holds, for the format file. Records that came through remoting have the same properties and other types, so
/// properties are asked for, not types.</summary>
public static class RecordText
{
    private const int MaxBytes = 16, MaxLength = 400;
    private static readonly string[] ExitFields = ["ExitReason", "InterruptInformation", "ExitQualification"];

    /// <summary>The line: plain text, whatever the guest has put into the record.</summary>
    public static string Of(PSObject record)
    {
        ArgumentNullException.ThrowIfNull(record);
        string value = ValueOf(record);
        if (Get(record, "Error") is string { Length: > 0 } error && error != value)
            value = value.Length == 0 ? error : $"{value}  ({error})";
        return Plain(value);
    }

    private static string ValueOf(PSObject record)
    {
        if (Get(record, "Lost") is { } lost)
            return $"{lost} records LOST";
        if (Get(record, "Register") is { } register)
            return $"{register} {Hex(Get(record, "Value"))}";
        if (Get(record, "Bytes") is { } bytes)
            return $"{Hex(Get(record, "Address"))} {BytesText(bytes)}";
        if (Get(record, "Text") is { } text)
            return $"{text}{(Get(record, "IsCut") is true ? "…" : "")}";
        if (Get(record, "Packet") is { } packet)
            return $"{Get(PSObject.AsPSObject(packet), "Summary") ?? packet}";
        if (Get(record, "Key") is { } key)
            return $"{key} {(Get(record, "IsPressed") is true ? "down" : "up")}";
        if (Get(record, "TaskAddress") is { } task)
        {
            string line = string.Join("  ", new[] { Get(record, "ProcessId"), Get(record, "Name"), Get(record, "Path"), Hex(Get(record, "PageDirectory")) }
                .Select(part => $"{part}").Where(part => part.Length > 0));
            return line.Length > 0 ? line : $"task {Hex(task)}";
        }
        return string.Join("  ", ExitFields.Where(name => Get(record, name) is not null)
            .Select(name => $"{name} {Hex(Get(record, name))}"));
    }

    private static object? Get(PSObject record, string name) => record.Properties[name]?.Value is { } value ? (value as PSObject)?.BaseObject is { } inner and not PSCustomObject ? inner : value : null;

    private static string Hex(object? number) => number is null ? "" : $"0x{number:x}";

    private static string BytesText(object bytes)
    {
        byte[] shown = [.. LanguagePrimitives.GetEnumerable(bytes)?.Cast<object>().Take(MaxBytes + 1).Select(one => (byte)LanguagePrimitives.ConvertTo(one, typeof(byte), null)) ?? []];
        bool more = shown.Length > MaxBytes;
        ReadOnlySpan<byte> first = shown.AsSpan(0, Math.Min(shown.Length, MaxBytes));
        var text = new StringBuilder();
        foreach (byte b in first)
            text.Append(b is >= 0x20 and < 0x7f ? (char)b : '.');
        return $"{Convert.ToHexStringLower(first)}{(more ? "…" : "")} {text}";
    }

    /// <summary>Control and format characters would move the terminal's cursor, or worse.</summary>
    private static string Plain(string text)
    {
        var plain = new StringBuilder(Math.Min(text.Length, MaxLength));
        foreach (char c in text.AsSpan(0, Math.Min(text.Length, MaxLength)))
            plain.Append(char.IsControl(c) || char.GetUnicodeCategory(c) == System.Globalization.UnicodeCategory.Format ? '·' : c);
        return plain.ToString();
    }
}
