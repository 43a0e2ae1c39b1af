using System.Collections.Immutable;
using VmiPl.Compilation.Lowering;
using VmiPl.Compilation.Sites;
using VmiPl.Compilation.Targets;
using VmiPl.Language;
using VmiPl.Language.Checking;
using VmiPl.Language.Model;
using VmiPl.Linux.Syscalls;
using VmiPl.Memory;

namespace VmiPl.Compilation;

/// <summary>Finds out what has to be watched for an event probe, and what the registers mean there.</summary>
internal sealed class SiteResolver(TargetKernel kernel, OperandChecks operands, DiagnosticBag diagnostics)
{
    // The functions that the kernel's entry code hands every system call to, all that exist in a kernel: 64-bit; int 0x80 and sysenter of
    // 32-bit programs (arch/x86/entry/common.c; do_int80_emulation since 6.7, int80_emulation under FRED).
    private static readonly string[] Dispatchers = ["do_syscall_64", "do_int80_syscall_32", "do_int80_emulation", "int80_emulation", "do_fast_syscall_32"];

    private readonly Dictionary<SyscallAbi, SyscallTable> _tables = [];

    /// <summary>The site, or null, which was reported then.</summary>
    public (ProbeSite Site, EventRegisters Registers)? Resolve(EventProbe probe)
    {
        ProbeSite? site = probe.Kind switch
        {
            EventKind.ControlRegisterWrite => new ControlRegisterSite((int)probe.Number!.Value),
            EventKind.MsrWrite => new MsrSite((uint?)probe.Number),
            EventKind.IdtrWrite => new DescriptorRegisterSite(IsInterruptTable: true),
            EventKind.GdtrWrite => new DescriptorRegisterSite(IsInterruptTable: false),
            EventKind.IdtWrite => new DescriptorTableSite(IsInterruptTable: true),
            EventKind.GdtWrite => new DescriptorTableSite(IsInterruptTable: false),
            EventKind.MemoryRead or EventKind.MemoryWrite => Watch(probe),
            EventKind.Execute => operands.Resolve(probe.Address!) is { } address ? new ExecuteSite([new NamedAddress(address, NameOf(probe.Address!))]) : null,
            EventKind.Resume => new ResumeSite(),
            EventKind.ExternalRequest => new RequestSite(probe.Number!.Value),
            EventKind.Interrupt => new InterruptSite((int)probe.Number!.Value),
            _ => null,
        };
        if (probe.Kind == EventKind.SystemCall)
            return SystemCall(probe);
        return site is null ? null : (site, EventRegisters.OfVcpu);
    }

    /// <summary>The byte at the address: every access that covers it is one to that address, and one to what lies beside it is not.</summary>
    private WatchSite? Watch(EventProbe probe) => operands.Resolve(probe.Address!) is { } address
        ? new WatchSite(new NamedAddress(address, NameOf(probe.Address!)), 1, probe.Kind == EventKind.MemoryRead) : null;

    private static string? NameOf(AddressOperand address) => address.Symbol is null ? null : address.ToString();

    private (ProbeSite, EventRegisters)? SystemCall(EventProbe probe)
    {
        bool isAny = probe.Number is null && probe.Name is null;
        if (kernel.Guest is null)
            return AssumedSystemCall(probe);
        if (kernel.Dispatcher is (ulong dispatcher, RegisterOperand location))
            return ConfiguredSystemCall(probe, isAny, dispatcher, location);
        if (isAny)
        {
            ImmutableArray<NamedAddress> places =
            [
                .. Dispatchers.Select(name => (Name: name, Found: kernel.Guest.Profile.TryGetSymbol(name, out GuestVirtualAddress at), Address: at))
                    .Where(place => place.Found).Select(place => new NamedAddress(place.Address.Value, place.Name)),
            ];
            if (places.IsEmpty)
            {
                diagnostics.Report(CompilationDiagnostics.DispatcherNotFound, probe.Span, "give SyscallDispatcherAddress and SyscallNumberLocation in a Configuration");
                return null;
            }
            return (new ExecuteSite(places), EventRegisters.OfCaller([]));
        }
        return AtHandlers(probe);
    }

    /// <summary>A filtered call is caught at its own handlers, so that other calls run untouched. A number is the kernel's own ABI's; a name means
    /// the call of every ABI that the kernel serves.</summary>
    private (ProbeSite, EventRegisters)? AtHandlers(EventProbe probe)
    {
        ImmutableArray<SyscallEntry> entries = Entries(probe);
        if (entries.IsEmpty)
            return null;
        SyscallEntry[] built = [.. entries.Where(entry => entry.IsImplemented)];
        if (built.Length == 0)
        {
            diagnostics.Report(CompilationDiagnostics.SyscallNotBuilt, probe.Span, null, Shown(probe));
            return null;
        }
        ImmutableArray<NamedAddress> places = [.. built.Select(entry => new NamedAddress(entry.Handler.Value, entry.HandlerSymbol)).DistinctBy(place => place.Address)];
        // Where other calls share a handler, the number decides.
        bool isShared = _tables.Values.Any(table => table.Entries.Any(other => places.Any(place => place.Address == other.Handler.Value) && !built.Contains(other)));
        return (new ExecuteSite(places), EventRegisters.OfCaller(isShared ? [.. built.Select(entry => entry.Number).Distinct()] : []));
    }

    private ImmutableArray<SyscallEntry> Entries(EventProbe probe)
    {
        SyscallAbi native = kernel.PointerSize == 8 ? SyscallAbi.X64 : SyscallAbi.I386;
        SyscallEntry?[] found = probe.Name is null
            ? [probe.Number <= int.MaxValue ? TableOf(native).Find((int)probe.Number.Value) : null]
            : [TableOf(native).Find(probe.Name), native == SyscallAbi.X64 ? TableOf(SyscallAbi.I386).Find(probe.Name) : null];
        ImmutableArray<SyscallEntry> entries = [.. found.OfType<SyscallEntry>()];
        if (entries.IsEmpty)
        {
            string? hint = probe.Name is null ? null : NearestName.Hint(probe.Name, TableOf(native).Entries.Select(entry => entry.Name));
            diagnostics.Report(CompilationDiagnostics.UnknownSyscall, probe.Span, hint, Shown(probe));
        }
        return entries;
    }

    private (ProbeSite, EventRegisters)? ConfiguredSystemCall(EventProbe probe, bool isAny, ulong dispatcher, RegisterOperand location)
    {
        if (!operands.Check(location))
            return null;
        ImmutableArray<int> numbers = isAny ? [] : [.. Entries(probe).Select(entry => entry.Number).Distinct()];
        if (!isAny && numbers.IsEmpty)
            return null;
        return (new ExecuteSite([new NamedAddress(dispatcher, "SyscallDispatcherAddress")]), new EventRegisters(false, location, numbers));
    }

    private (ProbeSite, EventRegisters)? AssumedSystemCall(EventProbe probe)
    {
        if (probe.Name is { } name && !SyscallNames.Of(SyscallAbi.X64).ByName.ContainsKey(name) && !SyscallNames.Of(SyscallAbi.I386).ByName.ContainsKey(name))
        {
            string? hint = NearestName.Hint(name, SyscallNames.Of(SyscallAbi.X64).ByName.Keys);
            diagnostics.Report(CompilationDiagnostics.SyscallLeftOpen, probe.Span, hint, name);
        }
        return (new ExecuteSite([new NamedAddress(0, probe.Name ?? "system call")]), EventRegisters.OfCaller([]));
    }

    private static string Shown(EventProbe probe) => probe.Name is null ? $"number {probe.Number}" : $"`{probe.Name}`";

    private SyscallTable TableOf(SyscallAbi abi)
    {
        if (!_tables.TryGetValue(abi, out SyscallTable? table))
            _tables.Add(abi, table = kernel.Guest!.Syscalls(abi));
        return table;
    }
}
