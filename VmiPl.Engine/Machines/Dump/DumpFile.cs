using System.Buffers.Binary;
using VmiPl.Errors;
using VmiPl.Memory;

namespace VmiPl.Machines.Dump;

/// <summary>Opens dump files as machines that never run.</summary>
public static class DumpFile
{
    private const int MarkBytes = 32;

    /// <summary>Opens a dump; the machine owns the file. Throws <c>MachineNotFound</c> or <c>AccessDenied</c> for the file,
    /// <c>DumpInvalid</c> for its content, <c>NotSupported</c> for a dump of another kind, <c>LimitExceeded</c> for more
    /// segments than <see cref="VmiLimits.MaxDumpSegments"/>, <c>FileFailure</c> for the disk.</summary>
    public static VmiMachine Open(string path, VmiLimits? limits = null, DumpFormat format = DumpFormat.Auto)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        limits ??= VmiLimits.Default;
        DumpMemory memory = OpenMemory(path, limits, format);
        ulong bytes = 0;
        foreach (PhysicalRange range in memory.Ranges)
            bytes += range.Length;
        var machine = new VmiMachine(Path.GetFileName(path), _ => memory, _ => null, limits)
        {
            VcpuCount = memory.Registers.Count,
            MemoryBytes = bytes,
            Architecture = memory.Architecture,
            SavedRegisters = memory.Registers,
        };
        // From here on the machine closes the file.
        machine.GetMemory();
        return machine;
    }

    internal static DumpMemory OpenMemory(string path, VmiLimits limits, DumpFormat format)
    {
        DumpInput file = DumpInput.Open(path);
        try
        {
            return (format == DumpFormat.Auto ? Recognise(file) : format) switch
            {
                DumpFormat.ElfCore => ElfCoreMemory.Read(file, limits),
                DumpFormat.Lime => LimeMemory.Read(file, limits),
                DumpFormat.Raw => RawMemory.Read(file),
                _ => throw new VmiException(VmiErrorCode.InvalidArgument, $"There is no dump format {format}."),
            };
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static DumpFormat Recognise(DumpInput file)
    {
        Span<byte> start = stackalloc byte[MarkBytes];
        start = start[..file.Read(0, start)];
        ForeignDump.Refuse(file.Path, start);
        if (start.StartsWith(ElfCoreMemory.Magic))
            return DumpFormat.ElfCore;
        if (start.Length >= 4 && BinaryPrimitives.ReadUInt32LittleEndian(start) == LimeMemory.Magic)
            return DumpFormat.Lime;
        if (file.Length == 0 || file.Length % 4096 != 0)
            throw file.Invalid("it has no mark of a known format, and is not made of whole 4 KiB pages as a raw dump is");
        return DumpFormat.Raw;
    }
}
