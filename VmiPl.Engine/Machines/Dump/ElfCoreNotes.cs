using System.Buffers.Binary;

namespace VmiPl.Machines.Dump;

/// <summary>The notes of an ELF core that matter: registers as Linux's NT_PRSTATUS and as QEMU's own note, VMCOREINFO.
/// A note that is cut or too large is left out, with all behind it.</summary>
internal sealed class ElfCoreNotes(ushort machine, string name)
{
    private const int MaxBytes = 16 * 1024 * 1024;   // of all notes; QEMU writes about 850 for a vCPU
    private const int MaxVcpus = 4096, HeaderBytes = 12;
    private const uint PrStatusType = 1;
    private readonly List<VcpuRegisters> _status = [], _state = [];
    private int _bytesLeft = MaxBytes;

    /// <summary>One entry for each vCPU: from QEMU's notes where they are, else from NT_PRSTATUS.</summary>
    public IReadOnlyList<VcpuRegisters> Registers => _state.Count > 0 ? _state : _status;

    public ReadOnlyMemory<byte> VmCoreInfo { get; private set; }

    /// <summary>Takes the notes of one PT_NOTE segment.</summary>
    public void Read(DumpInput file, ulong offset, ulong length)
    {
        byte[] bytes = new byte[file.Clip(offset, Math.Min(length, (ulong)_bytesLeft))];
        _bytesLeft -= bytes.Length;
        Take(bytes.AsSpan(0, file.Read((long)Math.Min(offset, long.MaxValue), bytes)));
    }

    private void Take(ReadOnlySpan<byte> notes)
    {
        while (notes.Length >= HeaderBytes)
        {
            // Elf64_Nhdr; name and content are padded to 4 bytes in 32- and 64-bit cores alike.
            uint nameBytes = BinaryPrimitives.ReadUInt32LittleEndian(notes);
            uint contentBytes = BinaryPrimitives.ReadUInt32LittleEndian(notes[4..]);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(notes[8..]);
            ulong contentAt = HeaderBytes + Padded(nameBytes);
            if (contentAt + contentBytes > (ulong)notes.Length)
                return;
            Take(notes.Slice(HeaderBytes, (int)nameBytes).TrimEnd((byte)0), type, notes.Slice((int)contentAt, (int)contentBytes));
            notes = notes[(int)Math.Min(contentAt + Padded(contentBytes), (ulong)notes.Length)..];
        }
    }

    private void Take(ReadOnlySpan<byte> owner, uint type, ReadOnlySpan<byte> content)
    {
        if (owner.SequenceEqual("VMCOREINFO"u8) && VmCoreInfo.IsEmpty)
            VmCoreInfo = content.ToArray();
        else if (owner.SequenceEqual("QEMU"u8))
            Add(_state, QemuCpuState.Parse(content, machine));
        else if (owner.SequenceEqual("CORE"u8) && type == PrStatusType)
            Add(_status, PrStatus.Parse(content));
    }

    private void Add(List<VcpuRegisters> list, VcpuRegisters? registers)
    {
        if (registers is not null && list.Count < MaxVcpus)
            list.Add(registers with { Machine = name, Vcpu = list.Count });
    }

    private static ulong Padded(uint bytes) => ((ulong)bytes + 3) & ~3UL;
}
