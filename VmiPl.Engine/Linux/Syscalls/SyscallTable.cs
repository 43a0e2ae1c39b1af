using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Linux.Syscalls;

/// <summary>The system calls of a guest's kernel, as one ABI numbers them: which function handles each. Immutable; safe from any
/// thread.</summary>
public sealed class SyscallTable
{
    // The largest dispatcher seen has 6.5 KiB.
    private const int MaxDispatcherBytes = 64 * 1024;

    private readonly Dictionary<int, SyscallEntry> _byNumber;
    private readonly Dictionary<string, SyscallEntry> _byName = new(StringComparer.Ordinal);

    private SyscallTable(SyscallAbi abi, SyscallSource source, Dictionary<int, SyscallEntry> entries)
    {
        Abi = abi;
        Source = source;
        _byNumber = entries;
        Entries = [.. entries.Values.OrderBy(entry => entry.Number)];
        IReadOnlyDictionary<int, string> known = SyscallNames.Of(abi).ByNumber;
        // A name of the headers is never taken by a handler that happens to be called so.
        foreach (SyscallEntry entry in Entries.OrderBy(entry => known.ContainsKey(entry.Number) ? 0 : 1))
            _byName.TryAdd(entry.Name, entry);
    }

    /// <summary>The ABI whose numbers these are.</summary>
    public SyscallAbi Abi { get; }

    /// <summary>What the table was read from. Single calls that it did not tell come from the handlers' names.</summary>
    public SyscallSource Source { get; }

    /// <summary>The calls in the order of their numbers, those that this kernel was built without included where the headers name
    /// them; empty where the kernel does not serve the ABI.</summary>
    public IReadOnlyList<SyscallEntry> Entries { get; }

    /// <summary>The call of a number, or null.</summary>
    public SyscallEntry? Find(int number) => _byNumber.GetValueOrDefault(number);

    /// <summary>The call of a name, or null. Names are case-sensitive.</summary>
    public SyscallEntry? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Reads the table of a kernel. What the guest holds never makes it throw: calls that can't be told are missing.
    /// <paramref name="kernel"/> is used for this call only.</summary>
    public static SyscallTable Read(KernelProfile profile, AddressSpace kernel, SyscallAbi abi, VmiLimits? limits = null)
    {
        limits ??= VmiLimits.Default;
        var entries = new Dictionary<int, SyscallEntry>();
        // A 32-bit kernel serves 32-bit programs only.
        if (abi == SyscallAbi.X64 && profile.PointerSize == 4)
            return new SyscallTable(abi, SyscallSource.None, entries);
        var handlers = new HandlerSymbols(profile.Symbols, abi);
        SyscallSource source = SyscallSource.None;
        if (ReadDispatcher(profile, kernel, abi, handlers, limits, entries))
            source = SyscallSource.Dispatcher;
        else if (ReadTable(profile, kernel, abi, handlers, limits, entries))
            source = SyscallSource.Table;
        if (AddByNames(abi, handlers, entries) && source == SyscallSource.None)
            source = SyscallSource.Names;
        return new SyscallTable(abi, source, entries);
    }

    private static bool ReadDispatcher(
        KernelProfile profile, AddressSpace kernel, SyscallAbi abi, HandlerSymbols handlers, VmiLimits limits, Dictionary<int, SyscallEntry> entries)
    {
        if (!profile.Symbols.TryFind(abi == SyscallAbi.X64 ? "x64_sys_call" : "ia32_sys_call", out GuestVirtualAddress start))
            return false;
        byte[] bytes = new byte[MaxDispatcherBytes];
        var code = new DispatcherCode(
            bytes.AsMemory(0, kernel.Read(start, bytes)), start.Value, profile.PointerSize == 8, address => handlers.At(address) is not null);
        for (int number = 0; number < limits.MaxSyscalls; number++)
        {
            if (code.TryFollow((uint)number, out ulong handler))
                Add(abi, number, handler, handlers, entries);
        }
        // A dispatcher that leads nowhere but to "no such call" was not understood.
        return entries.Values.Any(entry => entry.IsImplemented);
    }

    private static bool ReadTable(
        KernelProfile profile, AddressSpace kernel, SyscallAbi abi, HandlerSymbols handlers, VmiLimits limits, Dictionary<int, SyscallEntry> entries)
    {
        if (!TableFinder.TryFind(profile, kernel.Memory, abi, handlers, limits, out GuestVirtualAddress table))
            return false;
        IReadOnlyList<ulong> slots = TableFinder.Read(profile, kernel, table, handlers, limits);
        for (int number = 0; number < slots.Count; number++)
            Add(abi, number, slots[number], handlers, entries);
        return slots.Count > 0;
    }

    private static bool AddByNames(SyscallAbi abi, HandlerSymbols handlers, Dictionary<int, SyscallEntry> entries)
    {
        int before = entries.Count;
        foreach ((int number, string name) in SyscallNames.Of(abi).ByNumber)
        {
            if (!entries.ContainsKey(number) && handlers.Named(name) is { } symbol)
                Add(abi, number, symbol.Address, handlers, entries);
        }
        return entries.Count > before;
    }

    private static void Add(SyscallAbi abi, int number, ulong handler, HandlerSymbols handlers, Dictionary<int, SyscallEntry> entries)
    {
        VmiSymbol? symbol = handlers.At(handler);
        bool isImplemented = symbol is null || !handlers.IsStandIn(symbol);
        bool isKnown = SyscallNames.Of(abi).ByNumber.TryGetValue(number, out string? name);
        if (!isKnown && (symbol is null || !isImplemented))
            return;
        entries[number] = new SyscallEntry(number, name ?? handlers.CallOf(symbol!), symbol?.Name, new GuestVirtualAddress(handler), isImplemented);
    }
}
