using VmiPl.Memory;

namespace VmiPl.Linux;

/// <summary>One operation's view of the guest's kernel memory: a snapshot that asks for no page twice and an address space
/// over it. Rented from <see cref="LinuxGuest"/> and given back by <see cref="Dispose"/>, so that buffers are made once.</summary>
internal sealed class GuestView : IDisposable
{
    private readonly LinuxGuest _owner;
    private readonly SnapshotMemory _snapshot;
    private TaskWalk? _walk;

    public GuestView(LinuxGuest owner)
    {
        _owner = owner;
        _snapshot = new SnapshotMemory(owner.Machine.GetMemory());
        Kernel = owner.Profile.Location.OpenSpace(_snapshot);
    }

    /// <summary>Kernel-virtual memory.</summary>
    public AddressSpace Kernel { get; }

    /// <summary>The task walk, which has buffers of its own; throws where the profile does not tell enough for one.</summary>
    public TaskWalk Walk => _walk ??= new TaskWalk(_owner);

    /// <summary>Work lists of the task walk, kept with the view for the same reason.</summary>
    public TaskWalkBuffers Buffers { get; } = new();

    /// <summary>Forgets all that was read: the next read sees the guest as it is then.</summary>
    public void Refresh()
    {
        _snapshot.Reset();
        Kernel.Forget();
    }

    public void Dispose() => _owner.Return(this);
}
