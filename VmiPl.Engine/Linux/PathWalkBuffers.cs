using VmiPl.Memory;

namespace VmiPl.Linux;

/// <summary>Work lists of <see cref="PathReader"/>, kept from one walk to the next.</summary>
internal sealed class PathWalkBuffers
{
    /// <summary>Paths of this walk by file (<c>struct file *</c>): processes share executables.</summary>
    public Dictionary<ulong, string?> PathOfFile { get; } = [];
    public List<GuestVirtualAddress> Addresses { get; } = [];
    public List<GuestVirtualAddress> Mounts { get; } = [];

    public void Clear()
    {
        PathOfFile.Clear();
        Addresses.Clear();
        Mounts.Clear();
    }
}
