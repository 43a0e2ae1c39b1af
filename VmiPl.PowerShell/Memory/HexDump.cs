using System.Globalization;
using System.Text;

namespace VmiPl.Commands.Memory;

/// <summary>Bytes as people read them: sixteen a line with address, hex and text. Used by the format file.</summary>
public static class HexDump
{
    private const int PerLine = 16;
    // A screen's worth many times over; a block of megabytes printed by accident shall not freeze the prompt.
    private const int MaxShown = 64 * 1024;

    /// <summary>The lines, with LF between them. <paramref name="address"/> is the first byte's; beyond 64 KiB the rest is
    /// only counted.</summary>
    public static string Format(byte[] bytes, ulong address)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        StringBuilder text = new();
        int shown = Math.Min(bytes.Length, MaxShown);
        for (int at = 0; at < shown; at += PerLine)
        {
            if (at > 0)
                text.Append('\n');
            Line(text, unchecked(address + (ulong)at), bytes.AsSpan(at, Math.Min(PerLine, shown - at)));
        }
        if (shown < bytes.Length)
            text.Append(CultureInfo.InvariantCulture, $"\n… {bytes.Length - shown} bytes more");
        return text.ToString();
    }

    private static void Line(StringBuilder text, ulong address, ReadOnlySpan<byte> bytes)
    {
        text.Append(CultureInfo.InvariantCulture, $"{address:x16}  ");
        for (int i = 0; i < PerLine; i++)
        {
            if (i < bytes.Length)
                text.Append(CultureInfo.InvariantCulture, $"{bytes[i]:x2} ");
            else
                text.Append("   ");
            if (i == PerLine / 2 - 1)
                text.Append(' ');
        }
        text.Append(' ');
        foreach (byte value in bytes)
            text.Append(value is >= 0x20 and < 0x7f ? (char)value : '.');
    }
}
