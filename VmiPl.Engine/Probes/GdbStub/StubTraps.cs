using System.Globalization;
using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Probes.Tracking;

namespace VmiPl.Probes.GdbStub;

/// <summary>An address that is trapped, with all that wants to know of it, in the order of the probes.</summary>
internal sealed record TrapPoint(NamedAddress Place, char Type, ulong Length, List<TrapUse> Uses)
{
    /// <summary>Whether the guest's memory is changed for it.</summary>
    public bool IsInMemory => Type == StubTraps.Software;
}

/// <summary>The breakpoints and watchpoints that are in the machine. It stands still at every call. For the driver's thread.</summary>
internal sealed class StubTraps(StubConnection connection, bool isKvm, TrapKind kind)
{
    // GDB manual, "Packets", Z: the types of breakpoints and watchpoints.
    internal const char Software = '0';
    private const char Hardware = '1', WriteWatch = '2', ReadWatch = '3', AccessWatch = '4';

    // Intel SDM volume 3A, 10.1.4 "First Instruction Executed".
    private const ulong ResetVector = 0xfffffff0;

    private Dictionary<(char Type, ulong Address, ulong Length), TrapPoint> _points = [];
    private Dictionary<ulong, TrapPoint> _executed = [];

    /// <summary>Whether the traps of the driver's own are in, too: without them what a guest loads or maps later is not looked at.</summary>
    public bool HasOwn { get; private set; } = true;

    /// <summary>The watchpoints.</summary>
    public IReadOnlyList<TrapPoint> Watches { get; private set; } = [];

    /// <summary>All places, for people, with the way in which each is trapped.</summary>
    public IEnumerable<(TrapPoint Point, string Way)> All => _points.Values.Select(point => (point, WayOf(point.Type)));

    /// <summary>What stands at an instruction, or null.</summary>
    public TrapPoint? At(ulong address) => _executed.GetValueOrDefault(address);

    /// <summary>Makes the traps those that are wanted: all of the probes', or none is changed. Throws <c>TrapRefused</c> for one that cannot be had.
    /// The driver's own come after them, all or none: <see cref="HasOwn"/> says which.</summary>
    public void Become(IReadOnlyCollection<TrapUse> wanted)
    {
        // Debug registers are few: those that nothing else can do come first.
        var next = new Dictionary<(char, ulong, ulong), TrapPoint>();
        var fresh = new List<TrapPoint>();
        try
        {
            foreach (TrapUse use in wanted.Where(use => use.Own is null).OrderBy(use => use.Trap is ExecuteTrap))
                Take(use, next, fresh);
            HasOwn = TryTakeOwn([.. wanted.Where(use => use.Own is not null)], next, fresh);
        }
        catch
        {
            fresh.ForEach(Remove);
            throw;
        }
        foreach (TrapPoint point in _points.Values)
        {
            if (!next.ContainsKey(KeyOf(point)))
                Remove(point);
        }
        _points = next;
        _executed = next.Values.Where(point => point.Type is Software or Hardware).ToDictionary(point => point.Place.Address);
        Watches = [.. next.Values.Where(point => point.Type is not (Software or Hardware))];
    }

    /// <summary>Has the machine stop when it is reset. A CPU's debug registers are too few for that.</summary>
    public void TrapReset()
    {
        if (!isKvm)
            TryInsert(Hardware, ResetVector, 1);
    }

    /// <summary>Takes everything out, over <paramref name="by"/> where the connection that it was put in by is gone.</summary>
    public void Clear(StubConnection by)
    {
        RemoveReset(by);
        foreach (TrapPoint point in _points.Values)
            by.Demand(Request('z', point.Type, point.Place.Address, point.Length));
    }

    /// <summary>Puts all in anew, for vCPUs that have come meanwhile: QEMU sets a trap for those that there are, and what takes it out stops at the first
    /// one that has none (accel/tcg/tcg-accel-ops.c, <c>tcg_remove_breakpoint</c>), which are the last.</summary>
    public void Renew()
    {
        RemoveReset(connection);
        TrapReset();
        foreach (TrapPoint point in _points.Values)
        {
            Remove(point);
            PutBack(point);
        }
    }

    /// <summary>Takes a trap out so that its instruction can be executed.</summary>
    public void Lift(TrapPoint point) => Remove(point);

    /// <summary>Puts a trap that was lifted back. Throws <c>TrapRefused</c>.</summary>
    public void PutBack(TrapPoint point)
    {
        if (!TryInsert(point.Type, point.Place.Address, point.Length))
            throw Refused(point.Place, WayOf(point.Type));
    }

    private void Take(TrapUse use, Dictionary<(char, ulong, ulong), TrapPoint> next, List<TrapPoint> fresh)
    {
        ulong length = use.Trap is WatchTrap watch ? watch.Length : 1;
        if (kind == TrapKind.Port && use.Trap is ExecuteTrap)
            throw new VmiException(VmiErrorCode.TrapRefused, $"QEMU's gdbstub cannot trap {use.Trap.Place} by a port: only the shim can.", use.Trap.Place.ToString());
        char[] types = use.Trap is WatchTrap w ? WatchTypes(w) : isKvm ? ExecuteTypes() : [Hardware];
        (char, ulong, ulong) Key(char type) => (type, use.Trap.Place.Address, length);
        // An instruction that is trapped in one way stays so.
        foreach (char type in types.OrderByDescending(type => next.ContainsKey(Key(type)) || _points.ContainsKey(Key(type))))
        {
            (char, ulong, ulong) key = Key(type);
            if (next.TryGetValue(key, out TrapPoint? shared))
            {
                shared.Uses.Add(use);
                return;
            }
            bool isThere = _points.ContainsKey(key);
            if (!isThere && !TryInsert(type, use.Trap.Place.Address, length))
                continue;
            var point = new TrapPoint(use.Trap.Place, type, length, [use]);
            next.Add(key, point);
            if (!isThere)
                fresh.Add(point);
            return;
        }
        throw Refused(use.Trap.Place, string.Join(" or ", types.Select(WayOf)));
    }

    private bool TryTakeOwn(TrapUse[] own, Dictionary<(char, ulong, ulong), TrapPoint> next, List<TrapPoint> fresh)
    {
        int before = fresh.Count;
        try
        {
            foreach (TrapUse use in own)
                Take(use, next, fresh);
            return true;
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.TrapRefused)
        {
            fresh[before..].ForEach(Remove);
            fresh.RemoveRange(before, fresh.Count - before);
            foreach (((char, ulong, ulong) key, TrapPoint point) in next.ToArray())
            {
                point.Uses.RemoveAll(own.Contains);
                if (point.Uses.Count == 0)
                    next.Remove(key);
            }
            return false;
        }
    }

    private char[] ExecuteTypes() => kind switch
    {
        TrapKind.Hardware => [Hardware],
        TrapKind.Software => [Software],
        _ => [Hardware, Software],
    };

    // x86 debug registers watch writes or every access; which it was is found out at the hit.
    private char[] WatchTypes(WatchTrap watch) => !watch.OnRead ? [WriteWatch] : isKvm ? [AccessWatch] : [ReadWatch];

    private bool TryInsert(char type, ulong address, ulong length) => connection.Demand(Request('Z', type, address, length));

    private void RemoveReset(StubConnection by)
    {
        if (!isKvm)
            by.Demand(Request('z', Hardware, ResetVector, 1));
    }

    private void Remove(TrapPoint point) => connection.Demand(Request('z', point.Type, point.Place.Address, point.Length));

    private static (char, ulong, ulong) KeyOf(TrapPoint point) => (point.Type, point.Place.Address, point.Length);

    private static string Request(char command, char type, ulong address, ulong length) =>
        string.Create(CultureInfo.InvariantCulture, $"{command}{type},{address:x},{length:x}");

    private static string WayOf(char type) => type switch
    {
        Software => "software breakpoint",
        Hardware => "hardware breakpoint",
        WriteWatch => "write watchpoint",
        ReadWatch => "read watchpoint",
        _ => "access watchpoint",
    };

    private VmiException Refused(NamedAddress place, string way) => new(
        VmiErrorCode.TrapRefused,
        $"QEMU has no {way} left for {place}{(isKvm ? ": the CPU has four, each for an instruction or for up to 8 bytes" : "")}.", place.ToString());
}
