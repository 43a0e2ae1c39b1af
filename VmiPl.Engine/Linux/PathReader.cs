using System.Runtime.InteropServices;
using System.Text;
using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>Absolute paths of open files, as the guest's <c>/proc/PID/exe</c> shows them (fs/d_path.c): dentries are climbed,
/// at a mount's root the climb goes on at the mount point; a file that was deleted, or never had a name (a memfd), ends in
/// <c> (deleted)</c>. Every climb is bounded by <see cref="VmiLimits.MaxPathComponents"/>.</summary>
internal sealed class PathReader
{
    private const string DeletedSuffix = " (deleted)";
    // NAME_MAX of include/uapi/linux/limits.h is 255; pseudo files may have longer names.
    private const int MaxName = 1024;

    private readonly int _fileMount, _fileDentry, _parent, _name, _hash, _mountRoot, _mountSelf, _mountParent, _mountPoint;
    private readonly int _pointer;
    private readonly VmiLimits _limits;
    private readonly byte[] _path;

    private PathReader(KernelProfile profile, VmiLimits limits, ReadOnlySpan<int> offsets)
    {
        _pointer = profile.PointerSize;
        _limits = limits;
        _path = new byte[limits.MaxPathBytes];
        _fileMount = offsets[0];
        _fileDentry = offsets[1];
        _parent = offsets[2];
        _name = offsets[3];
        _hash = offsets[4];
        _mountRoot = offsets[5];
        _mountSelf = offsets[6];
        _mountParent = offsets[7];
        _mountPoint = offsets[8];
    }

    /// <summary>The reader of a profile, or null where the profile lacks what it takes.</summary>
    public static PathReader? From(KernelProfile profile, VmiLimits limits)
    {
        ReadOnlySpan<int> offsets =
        [
            Nested(profile, "file", "f_path", "path", "mnt"),
            Nested(profile, "file", "f_path", "path", "dentry"),
            TaskLayout.Find(profile, "dentry", "d_parent"),
            Nested(profile, "dentry", "d_name", "qstr", "name"),
            TaskLayout.Find(profile, "dentry", "d_hash"),
            TaskLayout.Find(profile, "vfsmount", "mnt_root"),
            TaskLayout.Find(profile, "mount", "mnt"),
            TaskLayout.Find(profile, "mount", "mnt_parent"),
            TaskLayout.Find(profile, "mount", "mnt_mountpoint"),
        ];
        return offsets.Contains(TaskLayout.Missing) ? null : new PathReader(profile, limits, offsets);
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

    /// <summary>Reads in one batch per level what the paths of these files will need; see <see cref="AddressSpace.Prefetch"/>.</summary>
    public void Prefetch(AddressSpace kernel, ReadOnlySpan<GuestVirtualAddress> files, PathWalkBuffers buffers)
    {
        if (kernel.Memory is not SnapshotMemory { KeepsCopies: true })
            return;
        const int Levels = 6;   // most executables lie no deeper; the rest is read one by one
        kernel.Prefetch(files, Math.Max(_fileMount, _fileDentry) + _pointer);
        List<GuestVirtualAddress> dentries = buffers.Addresses, mounts = buffers.Mounts;
        dentries.Clear();
        mounts.Clear();
        foreach (GuestVirtualAddress file in files)
        {
            if (kernel.TryReadPointer(file + (ulong)_fileDentry, out GuestVirtualAddress dentry))
                dentries.Add(dentry);
            if (kernel.TryReadPointer(file + (ulong)_fileMount, out GuestVirtualAddress mount))
                mounts.Add(mount - (ulong)_mountSelf);
        }
        kernel.Prefetch(CollectionsMarshal.AsSpan(mounts), _mountSelf + 2 * _pointer);
        int size = Math.Max(_parent, _name) + _pointer;
        for (int level = 0; level < Levels && dentries.Count > 0; level++)
        {
            kernel.Prefetch(CollectionsMarshal.AsSpan(dentries), size);
            int kept = 0;
            for (int i = 0; i < dentries.Count; i++)
            {
                if (kernel.TryReadPointer(dentries[i] + (ulong)_parent, out GuestVirtualAddress parent) && parent != dentries[i])
                    dentries[kept++] = parent;
            }
            dentries.RemoveRange(kept, dentries.Count - kept);
        }
    }

    /// <summary>The path of a <c>struct file</c>, or null where it cannot be read to the root; the same file is read once per walk.</summary>
    public string? Read(AddressSpace kernel, ulong file, PathWalkBuffers buffers)
    {
        if (buffers.PathOfFile.TryGetValue(file, out string? path))
            return path;
        path = Read(kernel, file);
        buffers.PathOfFile[file] = path;
        return path;
    }

    private string? Read(AddressSpace kernel, ulong file)
    {
        if (!kernel.TryReadPointer(new GuestVirtualAddress(file + (ulong)_fileMount), out GuestVirtualAddress vfsMount)
            || !kernel.TryReadPointer(new GuestVirtualAddress(file + (ulong)_fileDentry), out GuestVirtualAddress dentry))
            return null;
        ulong mount = vfsMount.Value - (ulong)_mountSelf;
        int start = _path.Length;
        bool deleted = false;
        for (int component = 0; component < _limits.MaxPathComponents; component++)
        {
            if (!TryReadDentry(kernel, dentry.Value, out ulong parent, out ulong name, out bool unhashed)
                || !kernel.TryReadPointer(new GuestVirtualAddress(mount + (ulong)(_mountSelf + _mountRoot)), out GuestVirtualAddress mountRoot))
                return null;
            if (dentry == mountRoot)
            {
                if (!kernel.TryReadPointer(new GuestVirtualAddress(mount + (ulong)_mountParent), out GuestVirtualAddress above))
                    return null;
                if (above.Value == mount)
                    return Finish(start, deleted);       // the root of a mount namespace
                if (!kernel.TryReadPointer(new GuestVirtualAddress(mount + (ulong)_mountPoint), out dentry))
                    return null;
                mount = above.Value;
                continue;
            }
            bool isRoot = parent == dentry.Value;
            if (!Prepend(kernel, name, ref start))
                return null;
            if (isRoot)
            {
                // A root that is no mount's root: a file that never had a directory, such as a memfd (simple_dname()).
                return component == 0 ? Finish(start, deleted: true) : null;
            }
            if (component == 0)
                deleted = unhashed;
            dentry = new GuestVirtualAddress(parent);
        }
        return null;
    }

    private bool TryReadDentry(AddressSpace kernel, ulong dentry, out ulong parent, out ulong name, out bool unhashed)
    {
        int first = Math.Min(_hash, Math.Min(_parent, _name));
        int end = Math.Max(_hash + 2 * _pointer, Math.Max(_parent, _name) + _pointer);
        Span<byte> scratch = stackalloc byte[256];
        scratch = scratch[..Math.Min(end - first, scratch.Length)];
        bool whole = kernel.TryView(new GuestVirtualAddress(dentry + (ulong)first), scratch, out ReadOnlySpan<byte> bytes);
        var members = new StructReader(whole ? bytes : default, first, _pointer);
        parent = members.Pointer(_parent);
        name = members.Pointer(_name);
        unhashed = members.Pointer(_hash + _pointer) == 0;   // hlist_bl_unhashed(): no pprev
        return whole;
    }

    /// <summary>Puts "/name" before what is there already.</summary>
    private bool Prepend(AddressSpace kernel, ulong name, ref int start)
    {
        Span<byte> bytes = stackalloc byte[MaxName];
        int length = kernel.ReadString(new GuestVirtualAddress(name), bytes, out bool terminated);
        if (!terminated || length + 1 > start)
            return false;
        start -= length;
        bytes[..length].CopyTo(_path.AsSpan(start));
        _path[--start] = (byte)'/';
        return true;
    }

    private string Finish(int start, bool deleted)
    {
        ReadOnlySpan<byte> bytes = _path.AsSpan(start);
        string path = bytes.IsEmpty ? "/" : Encoding.UTF8.GetString(bytes);
        return deleted ? path + DeletedSuffix : path;
    }
}
