namespace VmiPl.Machines.Dump;

/// <summary>The formats of memory dumps that can be read.</summary>
public enum DumpFormat
{
    /// <summary>Told from the file's first bytes; a file of whole 4 KiB pages with no known mark is taken for <see cref="Raw"/>.</summary>
    Auto,
    /// <summary>ELF core, 32 or 64 bits, as QMP <c>dump-guest-memory</c> and virsh <c>dump --memory-only</c> write it.</summary>
    ElfCore,
    /// <summary>LiME's format <c>lime</c>, version 1.</summary>
    Lime,
    /// <summary>Physical memory from address 0 on, nothing else; see <see cref="RawMemory"/>.</summary>
    Raw,
}
