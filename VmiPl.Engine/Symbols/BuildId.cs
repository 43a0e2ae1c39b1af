using System.Buffers.Binary;
using VmiPl.Errors;
using VmiPl.Memory;

namespace VmiPl.Symbols;

/// <summary>The kernel's GNU build id: an ELF note (NT_GNU_BUILD_ID, 3) in its <c>.notes</c> section. The vdso images inside
/// the kernel carry notes of their own, behind an ELF header in the same page.</summary>
internal static class BuildId
{
    private const int MaxBytes = 64, PageBytes = 4096, NoteHeader = 16;

    private static ReadOnlySpan<byte> TypeAndOwner => [3, 0, 0, 0, (byte)'G', (byte)'N', (byte)'U', 0];

    /// <summary>Reads the id as lower-case hex; null where there is none. <paramref name="address"/> is where its bytes lie.</summary>
    public static string? Find(KernelImage image, ISymbolTable symbols, out ulong address)
    {
        if (symbols.TryFind("__start_notes", out GuestVirtualAddress notes) && image.Contains(notes.Value))
        {
            Span<byte> section = stackalloc byte[PageBytes];
            section = section[..image.Read(notes.Value, section)];
            for (int from = 0; section[from..].IndexOf(TypeAndOwner) is >= 0 and int hit; from += hit + 1)
            {
                if (TryParse(section, from + hit, out string id))
                {
                    address = notes.Value + (ulong)(from + hit + TypeAndOwner.Length);
                    return id;
                }
            }
        }
        return FindByContent(image, out address);
    }

    /// <summary>Reads the note whose type field stands at an offset.</summary>
    private static bool TryParse(ReadOnlySpan<byte> bytes, int type, out string id)
    {
        id = "";
        if (type < 8 || type + TypeAndOwner.Length > bytes.Length)
            return false;
        uint nameBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(type - 8)..]);
        uint idBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(type - 4)..]);
        if (nameBytes != 4 || idBytes is < 8 or > MaxBytes || idBytes > bytes.Length - type - TypeAndOwner.Length)
            return false;
        id = Convert.ToHexStringLower(bytes.Slice(type + TypeAndOwner.Length, (int)idBytes));
        return true;
    }

    private static string? FindByContent(KernelImage image, out ulong address)
    {
        string? found = null;
        ulong at = 0;
        image.Sweep(NoteHeader + MaxBytes, (start, bytes) =>
        {
            for (int from = 0; bytes[from..].IndexOf(TypeAndOwner) is >= 0 and int hit; from += hit + 1)
            {
                int type = from + hit;
                if ((start + (ulong)type) % 4 == 0 && TryParse(bytes, type, out string id) && !IsInVdso(image, start + (ulong)type))
                {
                    found = id;
                    at = start + (ulong)(type + TypeAndOwner.Length);
                    return true;
                }
            }
            return false;
        });
        address = at;
        return found;
    }

    private static bool IsInVdso(KernelImage image, ulong note)
    {
        Span<byte> start = stackalloc byte[4];
        return image.TryRead(note & ~(ulong)(PageBytes - 1), start) && start.SequenceEqual("\u007FELF"u8);
    }
}
