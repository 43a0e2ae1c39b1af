namespace VmiPl.Symbols.Inference;

/// <summary>The closed list of loaded modules: its head in the image and the addresses of the list nodes in the modules.</summary>
internal sealed record ModuleRing(ulong Head, IReadOnlyList<ulong> Nodes)
{
    private const int NameLength = 48;

    /// <summary>Follows the list from what may be its head; null unless it is closed and a module's name stands behind every
    /// node. <c>struct module</c> begins <c>enum state; list_head list; char name[MODULE_NAME_LEN]</c> since 2.6.</summary>
    public static ModuleRing? TryWalk(KernelReader reader, ulong head, int maxModules)
    {
        ulong size = (ulong)reader.PointerSize;
        var nodes = new List<ulong>();
        if (!reader.TryPointer(head, out ulong node))
            return null;
        ulong previous = head;
        while (node != head)
        {
            if (nodes.Count >= maxModules || !reader.IsPointer(node) || !reader.Holds(node + size, previous)
                || !IsName(reader, node + 2 * size) || !reader.TryUInt32(node - size, out uint state) || state > 3)
                return null;
            nodes.Add(node);
            previous = node;
            if (!reader.TryPointer(node, out node))
                return null;
        }
        return nodes.Count > 0 && reader.Holds(head + size, previous) ? new ModuleRing(head, nodes) : null;
    }

    private static bool IsName(KernelReader reader, ulong address)
    {
        Span<byte> field = stackalloc byte[NameLength];
        if (reader.Read(address, field) != NameLength)
            return false;
        int nul = field.IndexOf((byte)0);
        // The rest of the field is zero: modules are loaded into cleared memory.
        if (nul < 1 || field[nul..].ContainsAnyExcept((byte)0))
            return false;
        foreach (byte letter in field[..nul])
        {
            if (!char.IsAsciiLetterOrDigit((char)letter) && letter is not ((byte)'_' or (byte)'-' or (byte)'.' or (byte)'+'))
                return false;
        }
        return true;
    }
}
