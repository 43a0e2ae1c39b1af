using VmiPl.Memory;

namespace VmiPl.Probes.Interpreter;

/// <summary>The address spaces that programs reach at one stop of the machine: the vCPU's own, and those of roots that they name. Kept over stops, as
/// they cost memory, but never what they remember. For one thread.</summary>
internal sealed class GuestSpaces(IGuestMemory memory)
{
    // A program makes up roots as it likes; a script needs the kernel's and, over time, those of the processes it meets.
    private const int MaxSpaces = 16;

    private readonly Dictionary<(PagingMode Mode, ulong Root), (AddressSpace Space, long Stop)> _spaces = [];
    private PagingMode _mode;
    private ulong _own;
    private long _stop;

    /// <summary>The physical memory.</summary>
    public IGuestMemory Memory => memory;

    /// <summary>A new stop: nothing of what was translated before holds.</summary>
    public void Forget() => _stop++;

    /// <summary>A vCPU with that CR3 value is looked at.</summary>
    public void Enter(PagingMode mode, ulong cr3)
    {
        _mode = mode;
        _own = cr3;
    }

    /// <summary>The space of a CR3 value, or the vCPU's own for 0; good until the next stop.</summary>
    public AddressSpace this[ulong root]
    {
        get
        {
            ulong cr3 = root == 0 ? _own : root;
            (PagingMode, ulong) key = (_mode, cr3 & PageTableWalker.RootMask(_mode));
            if (_spaces.TryGetValue(key, out (AddressSpace Space, long Stop) known))
            {
                if (known.Stop != _stop)
                {
                    known.Space.Forget();
                    _spaces[key] = (known.Space, _stop);
                }
                return known.Space;
            }
            if (_spaces.Count >= MaxSpaces)
                _spaces.Clear();
            var space = new AddressSpace(memory, _mode, new GuestPhysicalAddress(cr3));
            _spaces.Add(key, (space, _stop));
            return space;
        }
    }
}
