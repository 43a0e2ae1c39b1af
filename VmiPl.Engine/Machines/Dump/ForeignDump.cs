using VmiPl.Errors;

namespace VmiPl.Machines.Dump;

/// <summary>Files that are dumps, but of a kind that is not read here: each is told by its first bytes and answered with
/// its name and a way out.</summary>
internal static class ForeignDump
{
    private const string DumpAgain = "dump the guest again as an ELF core (QMP dump-guest-memory without 'format', virsh dump --memory-only --format elf, or Save-VmiMemory)";

    private static readonly (byte[] Mark, string Format, string Advice)[] Known =
    [
        ("KDUMP   "u8.ToArray(), "a kdump-compressed dump", DumpAgain),
        ("DISKDUMP"u8.ToArray(), "a diskdump", DumpAgain),
        ("makedumpfile\0"u8.ToArray(), "a flattened kdump-compressed dump", DumpAgain),
        ("PAGEDUMP"u8.ToArray(), "a Windows crash dump", DumpAgain),
        ("PAGEDU64"u8.ToArray(), "a Windows crash dump", DumpAgain),
        ("QEVM"u8.ToArray(), "a QEMU migration stream", "start the guest from it (-incoming) and read it there"),
        ("LibvirtQemudSave"u8.ToArray(), "a libvirt save file", "restore the guest (virsh restore) and read it there"),
        ([0x51, 0x46, 0x49, 0xFB], "a QCOW2 disk image", "give a memory dump"),
        ("AVML"u8.ToArray(), "a compressed AVML dump", "convert it with avml-convert to LiME"),
        ([0xD2, 0xBE, 0xD2, 0xBE], "a VMware snapshot", "give a raw dump"),
        ([0x1F, 0x8B], "a gzip file", "decompress it"),
        ([0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0], "an xz file", "decompress it"),
        ([0x28, 0xB5, 0x2F, 0xFD], "a zstd file", "decompress it"),
        ("BZh"u8.ToArray(), "a bzip2 file", "decompress it"),
        ([0x04, 0x22, 0x4D, 0x18], "an lz4 file", "decompress it"),
    ];

    /// <summary>Throws <c>NotSupported</c> where the first bytes are of such a kind.</summary>
    public static void Refuse(string path, ReadOnlySpan<byte> start)
    {
        foreach ((byte[] mark, string format, string advice) in Known)
        {
            if (start.StartsWith(mark))
                throw new VmiException(VmiErrorCode.NotSupported, $"'{path}' is {format}, which can't be read here: {advice}.", path);
        }
    }
}
