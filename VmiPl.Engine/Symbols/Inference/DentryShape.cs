using System.Buffers.Binary;

namespace VmiPl.Symbols.Inference;

/// <summary>How <c>struct dentry</c> lies in this kernel, found from one: <c>hlist_bl_node d_hash { next, pprev };
/// dentry *d_parent; qstr d_name { u32 hash, len; char *name }</c> stand in a row since 2.6.38; what stands before and after
/// them depends on the configuration.</summary>
internal sealed record DentryShape(int NamePointer, int PointerSize)
{
    private const int MaxDepth = 256, MaxName = 255, Bytes = 256;
    private const int HashAndLength = 2 * sizeof(uint);

    public int Name => NamePointer - HashAndLength;

    public int Parent => Name - PointerSize;

    public int Hash => Parent - 2 * PointerSize;

    /// <summary>Finds the shape from what may be a dentry: a pointer to a name of exactly the length that stands before it, the
    /// same up along the parents to a root, at least one of the names inside its own dentry.</summary>
    public static DentryShape? Find(KernelReader reader, ulong dentry)
    {
        Span<byte> body = stackalloc byte[96];
        int got = reader.Read(dentry, body), size = reader.PointerSize;
        // Two ints of flags and sequence at least, then d_hash, d_parent, hash and length.
        for (int at = 16 + 3 * size; at + size <= got; at += size)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(body[(at - 4)..]);
            if (length is 0 or > MaxName || !reader.IsKernel(reader.PointerAt(body, at)))
                continue;
            var shape = new DentryShape(at, size);
            if (shape.IsChainToRoot(reader, dentry, out bool hasInlineName) && hasInlineName)
                return shape;
        }
        return null;
    }

    /// <summary>Whether the dentry has a proper name and proper parents up to one that is its own.</summary>
    public bool IsChainToRoot(KernelReader reader, ulong dentry, out bool hasInlineName)
    {
        hasInlineName = false;
        for (int depth = 0; depth < MaxDepth; depth++)
        {
            if (!IsNamed(reader, dentry, out bool isRootName, out bool isInline) || !reader.TryPointer(dentry + (ulong)Parent, out ulong parent))
                return false;
            hasInlineName |= isInline;
            if (parent == dentry)
                return isRootName;
            if (isRootName || !reader.IsPointer(parent))
                return false;
            dentry = parent;
        }
        return false;
    }

    /// <summary>Whether a dentry is met on the way from another one up.</summary>
    public bool IsAbove(KernelReader reader, ulong dentry, ulong ancestor)
    {
        for (int depth = 0; depth < MaxDepth; depth++)
        {
            if (dentry == ancestor)
                return true;
            if (!reader.TryPointer(dentry + (ulong)Parent, out ulong parent) || parent == dentry)
                return false;
            dentry = parent;
        }
        return false;
    }

    /// <summary>Whether the dentry is on a chain of the hash table where <see cref="Hash"/> says so: its back pointer leads to
    /// a pointer to it (whose lowest bit is the chain's lock).</summary>
    public bool IsHashed(KernelReader reader, ulong dentry)
    {
        ulong node = dentry + (ulong)Hash;
        return reader.TryPointer(node + (ulong)PointerSize, out ulong back) && reader.TryPointer(back, out ulong forward)
            && (forward & ~1UL) == node;
    }

    private bool IsNamed(KernelReader reader, ulong dentry, out bool isRootName, out bool isInline)
    {
        isRootName = isInline = false;
        Span<byte> name = stackalloc byte[MaxName + 1];
        if (!reader.TryUInt32(dentry + (ulong)NamePointer - 4, out uint length) || length is 0 or > MaxName
            || !reader.TryPointer(dentry + (ulong)NamePointer, out ulong at))
            return false;
        name = name[..((int)length + 1)];
        if (reader.Read(at, name) != name.Length || name.IndexOf((byte)0) != length)
            return false;
        isRootName = name[..^1].SequenceEqual("/"u8);
        isInline = at - dentry < Bytes;
        return isRootName || !name.Contains((byte)'/');
    }
}
