using System.Text;

namespace VmiPl.Tests.Synthetic;

/// <summary>Writes ELF cores of either class byte by byte, from the format's description and not with the product's code.</summary>
internal sealed class ElfCoreBuilder(bool wide, ushort machine = 62)
{
    private readonly List<(uint Type, ulong Physical, ulong Virtual, byte[] Content, ulong MemoryBytes)> _segments = [];
    private readonly List<byte[]> _notes = [];

    /// <summary>Writes the number of segments into section header 0, as files with 65535 of them or more have it.</summary>
    public bool ExtendedCount { get; init; }

    public ElfCoreBuilder Load(ulong physical, byte[] content, ulong? memoryBytes = null, ulong virtualAddress = 0)
    {
        _segments.Add((1, physical, virtualAddress, content, memoryBytes ?? (ulong)content.Length));
        return this;
    }

    public ElfCoreBuilder Note(string owner, uint type, byte[] content)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        byte[] name = Encoding.ASCII.GetBytes(owner + "\0");
        writer.Write(name.Length);
        writer.Write(content.Length);
        writer.Write(type);
        writer.Write(name);
        writer.Write(new byte[-name.Length & 3]);
        writer.Write(content);
        writer.Write(new byte[-content.Length & 3]);
        _notes.Add(stream.ToArray());
        return this;
    }

    public byte[] Build()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        byte[] notes = [.. _notes.SelectMany(n => n)];
        var all = _segments.Prepend((Type: 4u, Physical: 0UL, Virtual: 0UL, Content: notes, MemoryBytes: (ulong)notes.Length)).ToList();
        int header = wide ? 64 : 52, entry = wide ? 56 : 32, section = wide ? 64 : 40;
        int table = header, sections = table + all.Count * entry, data = sections + (ExtendedCount ? section : 0);
        writer.Write([0x7F, 0x45, 0x4C, 0x46, (byte)(wide ? 2 : 1), 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        writer.Write((ushort)4);
        writer.Write(machine);
        writer.Write(1);
        Word(0);
        Word((ulong)table);
        Word(ExtendedCount ? (ulong)sections : 0);
        writer.Write(0);
        writer.Write((ushort)header);
        writer.Write((ushort)entry);
        writer.Write(ExtendedCount ? (ushort)0xFFFF : (ushort)all.Count);
        writer.Write((ushort)(ExtendedCount ? section : 0));
        writer.Write((ushort)(ExtendedCount ? 1 : 0));
        writer.Write((ushort)0);
        ulong offset = (ulong)data;
        foreach (var (type, physical, virtualAddress, content, memoryBytes) in all)
        {
            writer.Write(type);
            if (wide)
                writer.Write(0);
            Word(offset);
            Word(virtualAddress);
            Word(physical);
            Word((ulong)content.Length);
            Word(memoryBytes);
            if (!wide)
                writer.Write(0);
            Word(0);
            offset += (ulong)content.Length;
        }
        if (ExtendedCount)
        {
            byte[] first = new byte[section];
            BitConverter.TryWriteBytes(first.AsSpan(wide ? 44 : 28), all.Count);
            writer.Write(first);
        }
        foreach (var segment in all)
            writer.Write(segment.Content);
        return stream.ToArray();

        void Word(ulong value)
        {
            if (wide)
                writer.Write(value);
            else
                writer.Write((uint)value);
        }
    }
}
