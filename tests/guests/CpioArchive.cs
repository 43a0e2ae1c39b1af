using System.Globalization;
using System.Text;

namespace VmiPl.TestGuests;

/// <summary>Writes an archive in the "newc" format that the kernel unpacks as its first root file system
/// (Documentation/driver-api/early-userspace/buffer-format.rst).</summary>
internal sealed class CpioArchive(Stream target)
{
    private const uint FolderMode = 0x41ED; // S_IFDIR | 0755
    private const uint FileMode = 0x81ED;   // S_IFREG | 0755
    private uint _inode;
    private long _written;

    public void AddFolder(string name) => Add(name, FolderMode, []);

    public void AddFile(string name, ReadOnlySpan<byte> content) => Add(name, FileMode, content);

    /// <summary>Writes the trailer; nothing can be added afterwards.</summary>
    public void Finish() => Add("TRAILER!!!", 0, []);

    private void Add(string name, uint mode, ReadOnlySpan<byte> content)
    {
        var encoded = Encoding.UTF8.GetBytes(name + "\0");
        uint[] fields = [++_inode, mode, 0, 0, 1, 0, (uint)content.Length, 0, 0, 0, 0, (uint)encoded.Length, 0];
        Write(Encoding.ASCII.GetBytes("070701" + string.Concat(fields.Select(f => f.ToString("X8", CultureInfo.InvariantCulture)))));
        Write(encoded);
        Align();
        Write(content);
        Align();
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        target.Write(bytes);
        _written += bytes.Length;
    }

    private void Align() => Write(new byte[(4 - _written % 4) % 4]);
}
