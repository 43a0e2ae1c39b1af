using System.Text;
using System.Text.Unicode;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using VmiPl.Interop;
using VmiPl.Language.Tables;

namespace VmiPl.Language;

/// <summary>Reads the text of a script's file.</summary>
internal static class ScriptFile
{
    private const int MaxBytes = ScriptParser.MaxMegaCharacters << 20;

    /// <summary>Why a file could not be read.</summary>
    internal sealed record Problem(DiagnosticDescriptor Descriptor, string? Hint, object?[] Details);

    /// <summary>The text without a byte order mark, or null with what is wrong.</summary>
    public static string? Read(string path, out Problem? problem)
    {
        problem = null;
        try
        {
            if (path.Contains('\0', StringComparison.Ordinal))
            {
                problem = Of(DiagnosticIds.FileNotFound, path.Replace('\0', '.'));
                return null;
            }
            using SafeFileHandle? file = NativeFile.TryOpenRegular(path, out int error);
            if (file is null)
            {
                problem = NotOpened(path, error);
                return null;
            }
            if (ReadBytes(file) is not { } bytes)
            {
                problem = Of(DiagnosticIds.ScriptTooLarge, ScriptParser.MaxMegaCharacters);
                return null;
            }
            ReadOnlySpan<byte> text = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes.AsSpan(Encoding.UTF8.Preamble.Length) : bytes;
            if (Utf8.IsValid(text))
                return Encoding.UTF8.GetString(text);
            problem = new Problem(DiagnosticIds.FileNotUtf8, "save the file as UTF-8", [path, FirstInvalid(bytes) + 1]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problem = Of(DiagnosticIds.FileUnreadable, path, e.Message.TrimEnd('.'));
        }
        return null;
    }

    /// <summary>What an error number of open means; 0 where the file is not a regular one.</summary>
    internal static Problem NotOpened(string path, int error)
    {
        if (error == 0)
            return Directory.Exists(path) ? Of(DiagnosticIds.FileIsDirectory, path) : Of(DiagnosticIds.FileUnreadable, path, "it is a device or a pipe, not a regular file");
        if (error == LibC.ENOENT || error == LibC.ENOTDIR)
            return Of(DiagnosticIds.FileNotFound, path);
        return Errno.IsDenied(error) ? Of(DiagnosticIds.FileNotAllowed, path) : Of(DiagnosticIds.FileUnreadable, path, Errno.Text(error));
    }

    private static Problem Of(DiagnosticDescriptor descriptor, params object?[] details) => new(descriptor, null, details);

    /// <summary>All bytes of a file, whatever size it claims; null where there are more than may be.</summary>
    private static byte[]? ReadBytes(SafeFileHandle file)
    {
        byte[] buffer = new byte[64 << 10];
        int length = 0;
        for (int read; (read = RandomAccess.Read(file, buffer.AsSpan(length), length)) > 0;)
        {
            length += read;
            if (length > MaxBytes)
                return null;
            if (length == buffer.Length)
                Array.Resize(ref buffer, Math.Min(buffer.Length * 4, MaxBytes + 1));
        }
        return buffer[..length];
    }

    private static int FirstInvalid(ReadOnlySpan<byte> bytes)
    {
        int at = 0;
        while (at < bytes.Length && Rune.DecodeFromUtf8(bytes[at..], out _, out int length) == System.Buffers.OperationStatus.Done)
            at += length;
        return at;
    }
}
