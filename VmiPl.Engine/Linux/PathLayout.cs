using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>The offsets in bytes that a path's climb needs, resolved once from a profile; all of them are there.</summary>
/// <param name="PointerSize">Bytes of a pointer.</param>
/// <param name="FileMount"><c>file.f_path.mnt</c>.</param>
/// <param name="FileDentry"><c>file.f_path.dentry</c>.</param>
/// <param name="Parent"><c>dentry.d_parent</c>.</param>
/// <param name="Name"><c>dentry.d_name.name</c>.</param>
/// <param name="Hash"><c>dentry.d_hash</c>, whose second pointer is null for a dentry that was deleted.</param>
/// <param name="MountRoot"><c>vfsmount.mnt_root</c>.</param>
/// <param name="MountSelf"><c>mount.mnt</c>, the <c>vfsmount</c> in a <c>mount</c>.</param>
/// <param name="MountParent"><c>mount.mnt_parent</c>.</param>
/// <param name="MountPoint"><c>mount.mnt_mountpoint</c>.</param>
internal sealed record PathLayout(
    int PointerSize, int FileMount, int FileDentry, int Parent, int Name, int Hash, int MountRoot, int MountSelf, int MountParent, int MountPoint)
{
    /// <summary>Bytes of the longest name of one component: NAME_MAX of include/uapi/linux/limits.h is 255; pseudo files may have
    /// longer ones.</summary>
    public const int MaxName = 1024;

    /// <summary>What the kernel puts behind the path of a file that was deleted, or never had a name.</summary>
    public const string DeletedSuffix = " (deleted)";

    /// <summary>First byte of a dentry that a climb looks at.</summary>
    public int DentryFirst => Math.Min(Hash, Math.Min(Parent, Name));

    /// <summary>The byte behind the last one of a dentry that a climb looks at.</summary>
    public int DentryEnd => Math.Max(Hash + 2 * PointerSize, Math.Max(Parent, Name) + PointerSize);

    /// <summary>The layout, or null where the profile lacks what it takes.</summary>
    public static PathLayout? From(KernelProfile profile)
    {
        var layout = new PathLayout(
            profile.PointerSize,
            Nested(profile, "file", "f_path", "path", "mnt"),
            Nested(profile, "file", "f_path", "path", "dentry"),
            TaskLayout.Find(profile, "dentry", "d_parent"),
            Nested(profile, "dentry", "d_name", "qstr", "name"),
            TaskLayout.Find(profile, "dentry", "d_hash"),
            TaskLayout.Find(profile, "vfsmount", "mnt_root"),
            TaskLayout.Find(profile, "mount", "mnt"),
            TaskLayout.Find(profile, "mount", "mnt_parent"),
            TaskLayout.Find(profile, "mount", "mnt_mountpoint"));
        ReadOnlySpan<int> offsets =
        [
            layout.FileMount, layout.FileDentry, layout.Parent, layout.Name, layout.Hash,
            layout.MountRoot, layout.MountSelf, layout.MountParent, layout.MountPoint,
        ];
        return offsets.Contains(TaskLayout.Missing) ? null : layout;
    }

    /// <summary>The offset of a member of an embedded structure: as a whole, which is how a Configuration gives it, or in its two parts.</summary>
    private static int Nested(KernelProfile profile, string type, string member, string inner, string innerMember)
    {
        int whole = TaskLayout.Find(profile, type, $"{member}.{innerMember}");
        if (whole != TaskLayout.Missing)
            return whole;
        int outer = TaskLayout.Find(profile, type, member), rest = TaskLayout.Find(profile, inner, innerMember);
        return outer == TaskLayout.Missing || rest == TaskLayout.Missing ? TaskLayout.Missing : outer + rest;
    }
}
