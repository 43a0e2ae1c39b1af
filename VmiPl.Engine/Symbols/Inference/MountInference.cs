namespace VmiPl.Symbols.Inference;

/// <summary><c>struct mount</c> around a <c>vfsmount</c>: <c>mnt_parent</c>, <c>mnt_mountpoint</c> and <c>mnt</c> itself.
/// <para>From every mount its parents lead, over proper mount points, to one that is its own parent.</para></summary>
internal static class MountInference
{
    private const int MaxWords = 16, MaxHops = 64;

    public static void Infer(KernelReader reader, DentryShape dentry, IReadOnlyList<ulong> mounts, LayoutBuilder layout)
    {
        int size = reader.PointerSize;
        (int Mnt, int Parent)? found = null;
        for (int mnt = 2 * size; mnt <= MaxWords * size; mnt += size)
        {
            for (int parent = 0; parent + 2 * size <= mnt; parent += size)
            {
                int good = mounts.Count(mount => LeadsToRoot(reader, dentry, mount - (ulong)mnt, mnt, parent));
                if (good * 2 <= mounts.Count)
                    continue;
                if (found is not null)
                    return;
                found = (mnt, parent);
            }
        }
        if (found is not { } place)
            return;
        layout.Offset("mount.mnt", place.Mnt);
        layout.Offset("mount.mnt_parent", place.Parent);
        layout.Offset("mount.mnt_mountpoint", place.Parent + size);
    }

    private static bool LeadsToRoot(KernelReader reader, DentryShape dentry, ulong mount, int mnt, int parentOffset)
    {
        for (int hop = 0; hop < MaxHops; hop++)
        {
            if (!reader.TryPointer(mount + (ulong)parentOffset, out ulong parent) || !reader.IsPointer(parent)
                || !reader.TryPointer(mount + (ulong)(parentOffset + reader.PointerSize), out ulong mountPoint)
                || !reader.TryPointer(mount + (ulong)mnt, out ulong root) || !dentry.IsChainToRoot(reader, root, out _)
                || !dentry.IsChainToRoot(reader, mountPoint, out _))
                return false;
            if (parent == mount)
                return true;
            mount = parent;
        }
        return false;
    }
}
