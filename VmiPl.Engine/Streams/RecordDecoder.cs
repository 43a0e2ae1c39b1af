using System.Buffers.Binary;
using System.Text;
using VmiPl.Compilation.Records;
using VmiPl.Language.Model;
using VmiPl.Linux;

namespace VmiPl.Streams;

/// <summary>Makes records of the bytes that a program has emitted. The bytes may come from a QEMU that was taken over: every length is checked, and
/// bytes that no program emits give a <see cref="FailureRecord"/>, never an exception. Safe from any thread.</summary>
public static class RecordDecoder
{
    /// <summary>The record; it keeps nothing of <paramref name="bytes"/>.</summary>
    public static VmiRecord Decode(RecordSchema schema, in RecordOrigin origin, ReadOnlySpan<byte> bytes)
    {
        VmiRecord record = schema switch
        {
            RegisterSchema register when bytes.Length == RegisterSchema.Size => Register(register, bytes),
            MemorySchema when bytes.Length >= MemorySchema.HeaderSize => Memory(bytes),
            TextSchema when bytes.Length >= MemorySchema.HeaderSize => Text(bytes),
            VmcsSchema vmcs when bytes.Length == VmcsSchema.HeaderSize + 8 * vmcs.Fields.Length => Vmcs(vmcs, bytes),
            ProcessSchema process when bytes.Length >= ProcessSchema.TrailerSize => Process(process, bytes),
            FailureSchema when bytes.Length == FailureSchema.Size => Failure(bytes),
            PauseSchema when bytes.Length == PauseSchema.Size => new PauseRecord(),
            _ => new FailureRecord { Error = $"A record of {bytes.Length} bytes came that is none of `{schema.Probe}`." },
        };
        return record with
        {
            Time = origin.Time,
            Sequence = origin.Sequence,
            Machine = origin.Machine,
            Vcpu = origin.Vcpu,
            ProbeId = schema.ProbeId,
            Label = schema.Label,
            Event = schema.Event,
            Probe = schema.Probe,
            Stream = schema.Output.Name,
        };
    }

    private static RegisterRecord Register(RegisterSchema schema, ReadOnlySpan<byte> bytes)
    {
        ulong value = UInt64(bytes, 8);
        return new RegisterRecord
        {
            Register = schema.Register,
            Value = value,
            PageDirectory = schema.PageDirectoryMask == 0 ? null : value & schema.PageDirectoryMask,
        };
    }

    private static MemoryRecord Memory(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> content = bytes[MemorySchema.HeaderSize..];
        ulong address = UInt64(bytes, 8);
        uint size = UInt32(bytes, 4);
        return new MemoryRecord
        {
            Address = address,
            Size = (int)Math.Min(size, int.MaxValue),
            Bytes = content.ToArray(),
            Error = Status(bytes, 0) == RecordStatus.Whole ? null
                : content.IsEmpty ? $"The {size} bytes at 0x{address:x} cannot be read: the address is not mapped."
                : $"Of the {size} bytes at 0x{address:x} only {content.Length} can be read: 0x{address + (ulong)content.Length:x} is not mapped.",
        };
    }

    private static TextRecord Text(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> content = bytes[MemorySchema.HeaderSize..];
        ulong address = UInt64(bytes, 8);
        RecordStatus status = Status(bytes, 0);
        return new TextRecord
        {
            Address = address,
            Text = Encoding.UTF8.GetString(content),
            IsCut = status == RecordStatus.Cut,
            Error = status != RecordStatus.Unreadable ? null : $"The text at 0x{address:x} has no end: 0x{address + (ulong)content.Length:x} is not mapped.",
        };
    }

    private static VmcsRecord Vmcs(VmcsSchema schema, ReadOnlySpan<byte> bytes)
    {
        uint mask = UInt32(bytes, 4);
        var record = new VmcsRecord();
        for (int i = 0; i < schema.Fields.Length; i++)
        {
            if ((mask & (1u << i)) == 0)
                continue;
            ulong value = UInt64(bytes, VmcsSchema.HeaderSize + 8 * i);
            record = schema.Fields[i] switch
            {
                VmcsField.ExitReason => record with { ExitReason = value },
                VmcsField.InterruptInformation => record with { InterruptInformation = value },
                _ => record with { ExitQualification = value },
            };
        }
        return record;
    }

    private static VmiRecord Process(ProcessSchema schema, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> trailer = bytes[^ProcessSchema.TrailerSize..], path = bytes[..^ProcessSchema.TrailerSize];
        ulong task = UInt64(trailer, ProcessSchema.TaskAt);
        RecordStatus status = Status(trailer, ProcessSchema.StatusAt);
        if (status != RecordStatus.Whole)
            return new FailureRecord { Address = task, Error = Explain(status, task, 0) };
        var flags = (ProcessFlags)UInt32(trailer, ProcessSchema.FlagsAt);
        return new ProcessRecord
        {
            ProcessId = schema.Fields.Contains(ProcessField.Pid) ? BinaryPrimitives.ReadInt32LittleEndian(trailer[ProcessSchema.ProcessIdAt..]) : null,
            Name = schema.Fields.Contains(ProcessField.Name) ? NameOf(trailer.Slice(ProcessSchema.NameAt, TaskLayout.CommLength)) : null,
            Path = schema.Fields.Contains(ProcessField.Path) && flags.HasFlag(ProcessFlags.HasPath) ? PathOf(path, flags) : null,
            PageDirectory = schema.Fields.Contains(ProcessField.PageDirectory) && flags.HasFlag(ProcessFlags.HasPageDirectory)
                ? UInt64(trailer, ProcessSchema.PageDirectoryAt) : null,
            TaskAddress = task,
            Error = flags.HasFlag(ProcessFlags.PageDirectoryUnreadable) ? "The page directory cannot be translated."
                : flags.HasFlag(ProcessFlags.PathUnreadable) ? "The path cannot be read to its root." : null,
        };
    }

    private static FailureRecord Failure(ReadOnlySpan<byte> bytes)
    {
        ulong address = UInt64(bytes, 8);
        return new FailureRecord { Address = address, Error = Explain(Status(bytes, 0), address, UInt32(bytes, 4)) };
    }

    private static string Explain(RecordStatus status, ulong address, uint size) => status switch
    {
        RecordStatus.Unreadable => $"The {size} bytes at 0x{address:x} cannot be read: the address is not mapped.",
        RecordStatus.Unwritable => $"The {size} bytes at 0x{address:x} cannot be written: the address is not mapped or its memory is read-only.",
        RecordStatus.ListUnreadable => $"The task list leads to 0x{address:x}, which cannot be read; tasks behind it are missing.",
        RecordStatus.ListCircle => $"The task list runs in a circle at 0x{address:x}.",
        RecordStatus.ListCut => $"The task list has more tasks than are looked at; it was cut at 0x{address:x}.",
        _ => $"Something at 0x{address:x} did not work.",
    };

    private static string NameOf(ReadOnlySpan<byte> name)
    {
        int end = name.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? name[..(TaskLayout.CommLength - 1)] : name[..end]);
    }

    private static string PathOf(ReadOnlySpan<byte> bytes, ProcessFlags flags)
    {
        string path = bytes.IsEmpty ? "/" : Encoding.UTF8.GetString(bytes);
        return flags.HasFlag(ProcessFlags.PathDeleted) ? path + PathLayout.DeletedSuffix : path;
    }

    private static RecordStatus Status(ReadOnlySpan<byte> bytes, int at) => (RecordStatus)BinaryPrimitives.ReadInt32LittleEndian(bytes[at..]);

    private static uint UInt32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static ulong UInt64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);
}
