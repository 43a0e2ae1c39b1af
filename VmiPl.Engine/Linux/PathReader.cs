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
    private readonly PathLayout _layout;
    private readonly VmiLimits _limits;
    private readonly byte[] _path;

    private PathReader(PathLayout layout, VmiLimits limits)
    {
        _layout = layout;
        _limits = limits;
        _path = new byte[limits.MaxPathBytes];
    }

    /// <summary>The reader of a profile, or null where the profile lacks what it takes.</summary>
    public static PathReader? From(KernelProfile profile, VmiLimits limits) =>
        PathLayout.From(profile) is { } layout ? new PathReader(layout, limits) : null;

    /// <summary>Reads in one batch per level what the paths of these files will need; see <see cref="AddressSpace.Prefetch"/>.</summary>
    public void Prefetch(AddressSpace kernel, ReadOnlySpan<GuestVirtualAddress> files, PathWalkBuffers buffers)
    {
        if (kernel.Memory is not SnapshotMemory { KeepsCopies: true })
            return;
        const int Levels = 6;   // most executables lie no deeper; the rest is read one by one
        kernel.Prefetch(files, Math.Max(_layout.FileMount, _layout.FileDentry) + _layout.PointerSize);
        List<GuestVirtualAddress> dentries = buffers.Addresses, mounts = buffers.Mounts;
        dentries.Clear();
        mounts.Clear();
        foreach (GuestVirtualAddress file in files)
        {
            if (kernel.TryReadPointer(file + (ulong)_layout.FileDentry, out GuestVirtualAddress dentry))
                dentries.Add(dentry);
            if (kernel.TryReadPointer(file + (ulong)_layout.FileMount, out GuestVirtualAddress mount))
                mounts.Add(mount - (ulong)_layout.MountSelf);
        }
        kernel.Prefetch(CollectionsMarshal.AsSpan(mounts), _layout.MountSelf + 2 * _layout.PointerSize);
        int size = Math.Max(_layout.Parent, _layout.Name) + _layout.PointerSize;
        for (int level = 0; level < Levels && dentries.Count > 0; level++)
        {
            kernel.Prefetch(CollectionsMarshal.AsSpan(dentries), size);
            int kept = 0;
            for (int i = 0; i < dentries.Count; i++)
            {
                if (kernel.TryReadPointer(dentries[i] + (ulong)_layout.Parent, out GuestVirtualAddress parent) && parent != dentries[i])
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
        if (!kernel.TryReadPointer(new GuestVirtualAddress(file + (ulong)_layout.FileMount), out GuestVirtualAddress vfsMount)
            || !kernel.TryReadPointer(new GuestVirtualAddress(file + (ulong)_layout.FileDentry), out GuestVirtualAddress dentry))
            return null;
        ulong mount = vfsMount.Value - (ulong)_layout.MountSelf;
        int start = _path.Length;
        bool deleted = false;
        for (int component = 0; component < _limits.MaxPathComponents; component++)
        {
            if (!TryReadDentry(kernel, dentry.Value, out ulong parent, out ulong name, out bool unhashed)
                || !kernel.TryReadPointer(new GuestVirtualAddress(mount + (ulong)(_layout.MountSelf + _layout.MountRoot)), out GuestVirtualAddress mountRoot))
                return null;
            if (dentry == mountRoot)
            {
                if (!kernel.TryReadPointer(new GuestVirtualAddress(mount + (ulong)_layout.MountParent), out GuestVirtualAddress above))
                    return null;
                if (above.Value == mount)
                    return Finish(start, deleted);       // the root of a mount namespace
                if (!kernel.TryReadPointer(new GuestVirtualAddress(mount + (ulong)_layout.MountPoint), out dentry))
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
        int first = _layout.DentryFirst, end = _layout.DentryEnd;
        Span<byte> scratch = stackalloc byte[256];
        scratch = scratch[..Math.Min(end - first, scratch.Length)];
        bool whole = kernel.TryView(new GuestVirtualAddress(dentry + (ulong)first), scratch, out ReadOnlySpan<byte> bytes);
        var members = new StructReader(whole ? bytes : default, first, _layout.PointerSize);
        parent = members.Pointer(_layout.Parent);
        name = members.Pointer(_layout.Name);
        unhashed = members.Pointer(_layout.Hash + _layout.PointerSize) == 0;   // hlist_bl_unhashed(): no pprev
        return whole;
    }

    /// <summary>Puts "/name" before what is there already.</summary>
    private bool Prepend(AddressSpace kernel, ulong name, ref int start)
    {
        Span<byte> bytes = stackalloc byte[PathLayout.MaxName];
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
        return deleted ? path + PathLayout.DeletedSuffix : path;
    }
}
