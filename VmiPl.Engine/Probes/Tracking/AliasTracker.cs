using System.Buffers.Binary;
using VmiPl.Compilation.Sites;
using VmiPl.Language.Model;
using VmiPl.Linux;
using VmiPl.Memory;
using VmiPl.Probes.Placement;

namespace VmiPl.Probes.Tracking;

/// <summary>Follows the mappings that a guest makes of its descriptor tables' pages while it runs, so that a write through one is seen like any
/// other: functions that map pages are trapped where they begin, and where they return, which says the address; what the new range leads to is
/// looked at there, before anybody has used it. While there are such mappings, functions that end any are trapped alike, and those that lead to the
/// table no longer are dropped, so that what is mapped there next is not taken for it.
/// <para>It goes on while probes are switched off: a mapping may be made then and used later.</para>
/// <para>Unseen stays what is written through a mapping that was not made in one of these ways: a page table's entry that somebody writes
/// himself (<c>set_pte</c>, <c>apply_to_page_range</c>), addresses of processes (<c>/dev/mem</c>, and <c>text_poke</c>, which maps what it
/// patches for a moment at a user's address: watching it would stop the guest for every instruction that it patches), through a
/// translation that a TLB keeps of a mapping that has gone, by devices; and writes to a table that a vCPU has loaded since the start.</para>
/// <para>For the driver's thread; the machine stands still at every call but where it says otherwise.</para></summary>
internal sealed class AliasTracker
{
    private const ulong PageSize = 4096;

    // Tasks inside such functions at a time; one that never returns, as its stack is gone, makes room for another.
    private const int MaxCalls = 1024;

    private readonly LinuxGuest _guest;
    private readonly MappingEvents _events;
    private readonly Action _changed;
    private readonly Action<string> _problem;
    private readonly Dictionary<ITrapOwner, List<TablePage>> _pages = [];
    // By the stack pointer behind the return, which no two tasks share.
    private readonly Dictionary<ulong, Call> _calls = [];
    private readonly List<TrapUse> _aliases = [];
    private bool _hasTold;

    /// <summary>A call that has not returned: of a function that makes a mapping of <paramref name="Bytes"/>, or, for 0, of one that ends
    /// a mapping.</summary>
    private readonly record struct Call(ulong Return, ulong Bytes);

    private AliasTracker(LinuxGuest guest, Action changed, Action<string> problem)
    {
        _guest = guest;
        _events = MappingEvents.Find(guest);
        _changed = changed;
        _problem = problem;
    }

    /// <summary>Makes one for the probes among <paramref name="probes"/> that watch descriptor tables; null where none does.
    /// <paramref name="changed"/> is called when other traps are wanted, <paramref name="problem"/> with what goes unseen, if anything.</summary>
    public static AliasTracker? For(LinuxGuest guest, IEnumerable<ITrapOwner> probes, Action changed, Action<string> problem)
    {
        ITrapOwner[] watching = [.. probes.Where(probe => probe.Placed.Compiled.Site is DescriptorTableSite)];
        if (watching.Length == 0)
            return null;
        var tracker = new AliasTracker(guest, changed, problem);
        if (!tracker._events.Missing.IsEmpty)
            problem($"The kernel has no symbol for {string.Join(", ", tracker._events.Missing)}: writes to descriptor tables through addresses at which they are mapped later may go unseen.");
        AddressSpace kernel = guest.OpenKernelSpace();
        foreach (ITrapOwner probe in watching)
        {
            IEnumerable<TablePage> pages = probe.Placed.Traps.OfType<WatchTrap>().SelectMany(trap => TablePage.Of(kernel, trap.Place.Address, (int)trap.Length, out _));
            tracker._pages.Add(probe, [.. pages.Select(page => page with { Offset = 0 }).Distinct()]);
        }
        return tracker;
    }

    /// <summary>What is to be trapped now.</summary>
    public IEnumerable<TrapUse> Wanted()
    {
        IEnumerable<TrapUse> wanted = _events.Making.Select(place => new TrapUse(new ExecuteTrap(place), null, OnMaking))
            .Concat(_calls.Values.Select(call => call.Return).Distinct().Select(address => new TrapUse(new ExecuteTrap(new NamedAddress(address, null)), null, OnReturn)));
        return _aliases.Count == 0
            ? wanted
            : wanted.Concat(_events.Ending.Select(place => new TrapUse(new ExecuteTrap(place), null, OnEnding))).Concat(_aliases.Where(use => use.Probe!.IsActive));
    }

    /// <summary>Finds the aliases that have come after the probes' places were looked up and before the traps of this tracker were in. The
    /// machine may run.</summary>
    public IReadOnlyList<TrapUse> FindMissed()
    {
        AddressSpace kernel = _guest.OpenKernelSpace();
        return [.. _pages.SelectMany(probe => UsesOf(probe.Key, TableAliases.FindAll(_guest, kernel, probe.Value)))
            .ExceptBy(_pages.Keys.SelectMany(probe => probe.Placed.Traps).Select(trap => trap.Place.Address), use => use.Trap.Place.Address)];
    }

    /// <summary>Takes the missed ones that are still there.</summary>
    public void Add(IReadOnlyList<TrapUse> missed)
    {
        TrapUse[] fresh = [.. missed.Except(_aliases)];
        if (_aliases.Count + fresh.Length <= _guest.Machine.Limits.MaxTableAliases)
        {
            _aliases.AddRange(fresh);
        }
        else
        {
            Tell($"the guest has mapped its descriptor tables more than {_aliases.Count} times since the probes were started.");
        }
        Drop(_guest.OpenKernelSpace());
    }

    private void OnMaking(ITrappedVcpu vcpu) => Expect(vcpu, (uint)vcpu.Current(_events.PageCount) * PageSize);

    private void OnEnding(ITrappedVcpu vcpu) => Expect(vcpu, 0);

    /// <summary>The function at hand has not executed anything: its return address is on top of the stack.</summary>
    private void Expect(ITrappedVcpu vcpu, ulong bytes)
    {
        int size = _guest.Profile.PointerSize;
        ulong stack = vcpu.Current(GuestRegister.Rsp);
        Span<byte> top = stackalloc byte[sizeof(ulong)];
        top.Clear();
        if (vcpu.ReadVirtual(stack, 0, top[..size]) != size)
            return;
        if (_calls.Count >= MaxCalls)
            _calls.Remove(_calls.Keys.First());
        _calls[stack + (ulong)size] = new Call(BinaryPrimitives.ReadUInt64LittleEndian(top), bytes);
        _changed();
    }

    private void OnReturn(ITrappedVcpu vcpu)
    {
        ulong stack = vcpu.Current(GuestRegister.Rsp);
        // Others may come by that have not been in there.
        if (!_calls.TryGetValue(stack, out Call call) || call.Return != vcpu.InstructionPointer)
            return;
        _calls.Remove(stack);
        AddressSpace kernel = _guest.OpenKernelSpace();
        if (call.Bytes == 0)
            Drop(kernel);
        else
            Look(kernel, vcpu.Current(_events.Result), call.Bytes);
        _changed();
    }

    /// <summary>A mapping was made, or an error is returned, which is no address that anything is mapped at.</summary>
    private void Look(AddressSpace kernel, ulong start, ulong bytes)
    {
        ulong top = kernel.PointerSize == 8 ? ulong.MaxValue : uint.MaxValue;
        if (start == 0 || !PageTableWalker.IsCanonical(kernel.Mode, new GuestVirtualAddress(start)))
            return;
        ulong last = start + Math.Min(bytes - 1, top - start);
        Add([.. _pages.SelectMany(probe => UsesOf(probe.Key, TableAliases.FindIn(_guest, kernel, probe.Value, start, last)))]);
    }

    private void Drop(AddressSpace kernel) => _aliases.RemoveAll(use =>
        !kernel.TryTranslate(new GuestVirtualAddress(use.Trap.Place.Address), out Translation found)
        || !_pages[use.Probe!].Any(page => page.Frame + page.InPage == found.Physical.Value));

    private IEnumerable<TrapUse> UsesOf(ITrapOwner probe, TableAliasList found)
    {
        if (found.Problem is { } problem)
            Tell(problem);
        return found.Aliases.Select(alias => new TrapUse(new WatchTrap(new NamedAddress(alias.Address, null), (ulong)alias.Length, OnRead: false), probe, null));
    }

    /// <summary>Once: a guest could have us say it all day.</summary>
    private void Tell(string reason)
    {
        if (!_hasTold)
            _problem($"Writes to descriptor tables may go unseen: {reason}");
        _hasTold = true;
    }
}
