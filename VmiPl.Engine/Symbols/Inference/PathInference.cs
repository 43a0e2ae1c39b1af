namespace VmiPl.Symbols.Inference;

/// <summary><c>mm_struct.exe_file</c>, <c>file.f_path</c>, the dentry's members and the mount's.
/// <para><c>exe_file</c> is the one pointer in a memory descriptor to an object that has side by side a mount and a dentry, the
/// mount's root lying on the dentry's way up.</para></summary>
internal static class PathInference
{
    private const int MmBytes = 2048, FileBytes = 320, MaxDescriptors = 32;

    private readonly record struct Place(int ExeFile, int Path);

    public static void Infer(KernelReader reader, IReadOnlyList<ulong> descriptors, LayoutBuilder layout)
    {
        // The youngest are last in the list; a few dozen programs are enough.
        IEnumerable<ulong> chosen = descriptors.Skip(Math.Max(0, descriptors.Count - MaxDescriptors));
        var votes = new Dictionary<(Place, DentryShape), List<(ulong Mount, ulong Dentry)>>();
        byte[] body = new byte[MmBytes], file = new byte[FileBytes];
        int asked = 0;
        DentryShape? known = null;
        foreach (ulong mm in chosen)
        {
            asked++;
            int got = reader.Read(mm, body);
            for (int at = 0; at + reader.PointerSize <= got; at += reader.PointerSize)
            {
                ulong target = reader.PointerAt(body, at);
                if (target - mm < MmBytes || !reader.IsPointer(target))
                    continue;
                int fileGot = reader.Read(target, file);
                for (int path = 0; path + 2 * reader.PointerSize <= fileGot; path += reader.PointerSize)
                {
                    ulong mount = reader.PointerAt(file, path), dentry = reader.PointerAt(file, path + reader.PointerSize);
                    if (ShapeOf(reader, mount, dentry, ref known) is not { } shape)
                        continue;
                    (Place, DentryShape) key = (new Place(at, path), shape);
                    if (!votes.TryGetValue(key, out List<(ulong, ulong)>? seen))
                        votes[key] = seen = [];
                    seen.Add((mount, dentry));
                }
            }
        }
        if (votes.Count == 0)
            return;
        // Nearly every program has one that ends at a root; a memfd's or a detached mount's does not. The next object of the same
        // kind may lie right behind, and so fit as well: the object's own members come first.
        int most = votes.Values.Max(paths => paths.Count);
        if (most * 2 < asked)
            return;
        var winner = votes.Where(vote => vote.Value.Count * 10 >= most * 8).MinBy(vote => (vote.Key.Item1.ExeFile, vote.Key.Item1.Path));
        ((Place place, DentryShape dentryShape), List<(ulong Mount, ulong Dentry)> paths) = winner;
        Note(layout, place, dentryShape, reader.PointerSize);
        if (paths.Exists(path => dentryShape.IsHashed(reader, path.Dentry)))
            layout.Offset("dentry.d_hash", dentryShape.Hash);
        MountInference.Infer(reader, dentryShape, [.. paths.Select(path => path.Mount).Distinct()], layout);
    }

    private static DentryShape? ShapeOf(KernelReader reader, ulong mount, ulong dentry, ref DentryShape? known)
    {
        if (mount == dentry || !reader.IsPointer(mount) || !reader.IsPointer(dentry)
            || !reader.TryPointer(mount, out ulong root) || !reader.IsPointer(root))
            return null;
        DentryShape? shape = known is not null && known.IsChainToRoot(reader, dentry, out _) ? known : DentryShape.Find(reader, dentry);
        if (shape is null || !shape.IsChainToRoot(reader, root, out _) || !shape.IsAbove(reader, dentry, root))
            return null;
        return known = shape;
    }

    private static void Note(LayoutBuilder layout, Place place, DentryShape dentry, int pointerSize)
    {
        layout.Offset("mm_struct.exe_file", place.ExeFile);
        layout.Offset("file.f_path", place.Path);
        layout.Offset("path.mnt", 0);
        layout.Offset("path.dentry", pointerSize);
        layout.Offset("vfsmount.mnt_root", 0);
        layout.Offset("dentry.d_parent", dentry.Parent);
        layout.Offset("dentry.d_name", dentry.Name);
        layout.Offset("qstr.name", dentry.NamePointer - dentry.Name);
    }
}
