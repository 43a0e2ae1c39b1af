using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using VmiPl.Errors;

namespace VmiPl.Symbols.Btf;

/// <summary>The kernel's types, read from its BTF. One pass notes where each type starts and which ones have a name that
/// can be asked for; the rest is decoded when asked. Immutable; safe from any thread.</summary>
internal sealed class BtfTypes : ITypeTable
{
    private const int MaxDepth = 32;          // of anonymous members within each other
    private const int MaxMembers = 1 << 20;   // looked at for one question
    private readonly byte[] _blob;
    private readonly BtfHeader _header;
    private readonly int _pointerSize;
    private readonly int[] _starts;   // position of each type by id; 0 is void
    private readonly int _count;
    private readonly int[] _heads;    // chains of named structs, unions and typedefs by hash, lowest id first
    private readonly int[] _next;

    private BtfTypes(byte[] blob, BtfHeader header, int pointerSize, int[] starts, int count)
    {
        _blob = blob;
        _header = header;
        _pointerSize = pointerSize;
        _starts = starts;
        _count = count;
        _heads = new int[BitOperations.RoundUpToPowerOf2((uint)Math.Max(count / 8, 16))];
        _next = new int[count];
        for (int id = count - 1; id > 0; id--)
        {
            BtfType type = TypeAt(id);
            if (type.Kind is BtfKind.Struct or BtfKind.Union or BtfKind.Typedef && type.Name != 0)
            {
                uint slot = Slot(NameAt(type.Name));
                _next[id] = _heads[slot];
                _heads[slot] = id;
            }
        }
    }

    /// <summary>The blob as it lay in the guest.</summary>
    public ReadOnlyMemory<byte> Blob => _blob;

    /// <summary>Number of types, void included; fewer than the kernel's where a kind was met that is not known.</summary>
    public int Count => _count;

    /// <summary>Reads a blob, which it keeps. Null where it is none, or is cut before the first type.</summary>
    public static BtfTypes? TryParse(byte[] blob, int pointerSize, VmiLimits limits)
    {
        if (!BtfHeader.TryRead(blob, Math.Min(blob.Length, limits.MaxBtfBytes), out BtfHeader header))
            return null;
        ReadOnlySpan<byte> types = blob.AsSpan(header.TypesStart, header.TypesLength);
        // A record takes 12 bytes at least; most take about 25.
        int[] starts = new int[Math.Min(types.Length / 20 + 16, limits.MaxBtfTypes)];
        int count = 1;
        for (int at = 0; at + BtfType.Size <= types.Length && count < limits.MaxBtfTypes; count++)
        {
            int extra = BtfType.Read(types[at..]).Extra;
            if (extra < 0 || extra > types.Length - at - BtfType.Size)
                break;
            if (count == starts.Length)
                Array.Resize(ref starts, Math.Min(starts.Length * 2, limits.MaxBtfTypes));
            starts[count] = header.TypesStart + at;
            at += BtfType.Size + extra;
        }
        return count > 1 ? new BtfTypes(blob, header, pointerSize, starts, count) : null;
    }

    /// <inheritdoc/>
    public bool TryGetOffset(string type, string member, out int offset)
    {
        bool found = TryFindMember(type, member, out Member result);
        offset = found && result.Bit % 8 == 0 && result.Bit / 8 <= int.MaxValue ? (int)(result.Bit / 8) : 0;
        return found && result.Bit % 8 == 0 && result.Bit / 8 <= int.MaxValue;
    }

    /// <inheritdoc/>
    public bool TryGetSize(string type, out int size)
    {
        foreach (uint id in Named(type))
        {
            if (TrySizeOf(id, out size))
                return true;
        }
        size = 0;
        return false;
    }

    /// <inheritdoc/>
    public bool TryGetMemberSize(string type, string member, out int size)
    {
        size = 0;
        if (!TryFindMember(type, member, out Member found))
            return false;
        if (found.Bits == 0)
            return TrySizeOf(found.Type, out size);
        size = (int)(found.Bits + 7) / 8;
        return true;
    }

    private bool TryFindMember(string type, string path, out Member found)
    {
        string[] names = path.Split('.');
        int budget = MaxMembers;
        foreach (uint id in Named(type))
        {
            var here = new Member(0, 0, id);
            bool whole = true;
            foreach (string name in names)
            {
                whole = TryFindIn(here.Type, Encoding.UTF8.GetBytes(name), 0, ref budget, out Member inner);
                if (!whole)
                    break;
                here = inner with { Bit = here.Bit + inner.Bit };
            }
            if (whole)
            {
                found = here;
                return true;
            }
        }
        found = default;
        return false;
    }

    private bool TryFindIn(uint id, ReadOnlySpan<byte> name, int depth, ref int budget, out Member found)
    {
        found = default;
        if (depth > MaxDepth || !TryResolve(id, out int at, out BtfType type) || type.Kind is not (BtfKind.Struct or BtfKind.Union))
            return false;
        for (int i = 0; i < type.Count; i++)
        {
            if (--budget < 0)
                return false;
            ReadOnlySpan<byte> bytes = _blob.AsSpan(at + BtfType.Size + i * BtfType.MemberSize, BtfType.MemberSize);
            uint offset = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
            // With the flag set, the top byte is the width of a bit field.
            var member = new Member(
                type.Flag ? offset & 0xFF_FFFF : offset, type.Flag ? offset >> 24 : 0, BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]));
            ReadOnlySpan<byte> memberName = NameAt((int)BinaryPrimitives.ReadUInt32LittleEndian(bytes));
            if (memberName.IsEmpty)
            {
                if (TryFindIn(member.Type, name, depth + 1, ref budget, out Member inner))
                {
                    found = inner with { Bit = member.Bit + inner.Bit };
                    return true;
                }
            }
            else if (memberName.SequenceEqual(name))
            {
                found = member;
                return true;
            }
        }
        return false;
    }

    /// <summary>Follows typedefs, qualifiers and arrays to a type with a shape of its own.</summary>
    private bool TryResolve(uint id, out int at, out BtfType type)
    {
        for (int step = 0; step < MaxDepth && id > 0 && id < (uint)_count; step++)
        {
            at = _starts[id];
            type = TypeAt((int)id);
            switch (type.Kind)
            {
                case BtfKind.Typedef or BtfKind.Volatile or BtfKind.Const or BtfKind.Restrict or BtfKind.TypeTag:
                    id = type.SizeOrType;
                    continue;
                case BtfKind.Array:
                    id = BinaryPrimitives.ReadUInt32LittleEndian(_blob.AsSpan(at + BtfType.Size));
                    continue;
                default:
                    return true;
            }
        }
        at = 0;
        type = default;
        return false;
    }

    private bool TrySizeOf(uint id, out int size)
    {
        ulong elements = 1;
        size = 0;
        for (int step = 0; step < MaxDepth && id > 0 && id < (uint)_count; step++)
        {
            BtfType type = TypeAt((int)id);
            switch (type.Kind)
            {
                case BtfKind.Typedef or BtfKind.Volatile or BtfKind.Const or BtfKind.Restrict or BtfKind.TypeTag:
                    id = type.SizeOrType;
                    continue;
                case BtfKind.Array:
                    ReadOnlySpan<byte> array = _blob.AsSpan(_starts[id] + BtfType.Size, 12);
                    id = BinaryPrimitives.ReadUInt32LittleEndian(array);
                    elements *= BinaryPrimitives.ReadUInt32LittleEndian(array[8..]);
                    if (elements > int.MaxValue)
                        return false;
                    continue;
                case BtfKind.Pointer:
                    elements *= (ulong)_pointerSize;
                    break;
                case BtfKind.Int or BtfKind.Enum or BtfKind.Enum64 or BtfKind.Float or BtfKind.Struct or BtfKind.Union:
                    elements *= type.SizeOrType;
                    break;
                default:
                    return false;
            }
            size = elements <= int.MaxValue ? (int)elements : 0;
            return elements <= int.MaxValue;
        }
        return false;
    }

    /// <summary>Types of a name: structs and unions first, as C's tags are what is asked for, then typedefs.</summary>
    private IEnumerable<uint> Named(string name)
    {
        byte[] wanted = Encoding.UTF8.GetBytes(name);
        if (wanted.Length == 0)
            yield break;
        uint slot = Slot(wanted);
        foreach (bool tags in (bool[])[true, false])
        {
            for (int id = _heads[slot]; id != 0; id = _next[id])
            {
                BtfType type = TypeAt(id);
                if (type.Kind != BtfKind.Typedef == tags && NameAt(type.Name).SequenceEqual(wanted))
                    yield return (uint)id;
            }
        }
    }

    private BtfType TypeAt(int id) => BtfType.Read(_blob.AsSpan(_starts[id]));

    private ReadOnlySpan<byte> NameAt(int offset)
    {
        if ((uint)offset >= (uint)_header.StringsLength)
            return default;
        ReadOnlySpan<byte> rest = _blob.AsSpan(_header.StringsStart + offset, _header.StringsLength - offset);
        int nul = rest.IndexOf((byte)0);
        return nul < 0 ? default : rest[..nul];
    }

    private uint Slot(ReadOnlySpan<byte> name)
    {
        uint hash = 2166136261;   // FNV-1a
        foreach (byte letter in name)
            hash = (hash ^ letter) * 16777619;
        return (hash ^ (hash >> 15)) & (uint)(_heads.Length - 1);
    }

    private readonly record struct Member(ulong Bit, uint Bits, uint Type);
}
