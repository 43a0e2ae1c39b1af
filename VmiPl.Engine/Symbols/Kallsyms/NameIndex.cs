using System.Numerics;

namespace VmiPl.Symbols.Kallsyms;

/// <summary>Finds a name in a <see cref="NameStream"/> without expanding them all: chains by hash, in ascending order of
/// index. Immutable once made.</summary>
internal sealed class NameIndex
{
    private readonly NameStream _names;
    private readonly int[] _heads;   // index + 1 of the first name of a chain; 0: empty
    private readonly int[] _next;

    public NameIndex(NameStream names)
    {
        _names = names;
        _heads = new int[BitOperations.RoundUpToPowerOf2((uint)Math.Max(names.Count / 2, 16))];
        _next = new int[names.Count];
        uint[] slots = new uint[names.Count];
        for (int i = 0, at = 0; i < names.Count; i++, at = names.Next(at))
            slots[i] = Slot(names.Hash(at));
        for (int i = names.Count - 1; i >= 0; i--)
        {
            _next[i] = _heads[slots[i]];
            _heads[slots[i]] = i + 1;
        }
    }

    /// <summary>The lowest index of a name, or −1.</summary>
    public int Find(ReadOnlySpan<byte> name)
    {
        Span<byte> buffer = stackalloc byte[NameStream.MaxName];
        for (int i = _heads[Slot(NameHash.Of(name).Value)] - 1; i >= 0; i = _next[i] - 1)
        {
            int length = _names.Expand(_names.PositionOf(i), buffer, out _);
            if (name.SequenceEqual(buffer[..length]))
                return i;
        }
        return -1;
    }

    private uint Slot(uint hash) => (hash ^ (hash >> 15)) & (uint)(_heads.Length - 1);
}
