using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using VmiPl.Errors;
using VmiPl.Linux.Syscalls;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Symbols;
using VmiPl.Symbols.Ksymtab;

namespace VmiPl.Linux;

/// <summary>A machine whose Linux kernel was found: the door to everything that is read from it by meaning. Safe from several
/// threads; each operation reads the guest anew and shares nothing with the ones before but the profile.</summary>
public sealed class LinuxGuest
{
    private static readonly ConditionalWeakTable<VmiMachine, LinuxGuest> Known = [];

    private readonly ConcurrentBag<GuestView> _views = [];
    private KsymtabTable? _exports;
    private bool _exportsRead;

    /// <summary>Makes a guest of its parts.</summary>
    public LinuxGuest(VmiMachine machine, KernelProfile profile)
    {
        Machine = machine;
        Profile = profile;
    }

    /// <summary>The machine; not owned.</summary>
    public VmiMachine Machine { get; }

    /// <summary>What its kernel looks like.</summary>
    public KernelProfile Profile { get; }

    /// <summary>The guest of a machine, found on first use and kept as long as the machine object; found anew where the kernel is
    /// no longer where it was (the guest has booted again). Throws what <see cref="Open"/> throws.</summary>
    public static LinuxGuest Of(VmiMachine machine)
    {
        lock (Known)
        {
            if (Known.TryGetValue(machine, out LinuxGuest? guest) && guest.IsThere())
                return guest;
            guest = Open(machine, ProfileCache.ForUser());
            Known.AddOrUpdate(machine, guest);
            return guest;
        }
    }

    /// <summary>Finds the kernel of a machine and decodes its profile; <paramref name="cache"/> may be null. vCPU registers help where
    /// there is a monitor to ask; where they mislead (firmware, a boot loader) or are not to be had, memory alone decides.
    /// Throws <c>KernelNotFound</c>, or what reading memory throws.</summary>
    public static LinuxGuest Open(VmiMachine machine, ProfileCache? cache)
    {
        IReadOnlyList<VcpuRegisters> registers = RegistersOrNone(machine);
        KernelProfile profile;
        try
        {
            profile = ProfileBuilder.Build(machine, registers, cache);
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.KernelNotFound && registers.Count > 0)
        {
            profile = ProfileBuilder.Build(machine, [], cache);
        }
        return new LinuxGuest(machine, profile);
    }

    /// <summary>Lists the guest's tasks. Never throws for what the guest's data says: a list that cannot be followed to its end is
    /// partial and says why. Throws <c>ProfileIncomplete</c> where the kernel does not tell enough to begin, <c>MachineLost</c>
    /// where the machine goes away, and <see cref="OperationCanceledException"/>.</summary>
    public ProcessList Processes(ProcessQuery? query = null, CancellationToken cancel = default)
    {
        query ??= new ProcessQuery();
        using GuestView view = Rent();
        ProcessList list = view.Walk.Run(view, query, cancel);
        return HiddenTasks.Confirm(list, () =>
        {
            view.Refresh();
            return view.Walk.Run(view, query, cancel);
        });
    }

    /// <summary>Lists the loaded modules. Throws <c>ProfileIncomplete</c>, or <c>GuestDataInvalid</c> and <c>LimitExceeded</c> behind
    /// the ones that could be read.</summary>
    public IEnumerable<VmiModule> Modules()
    {
        using GuestView view = Rent();
        foreach (ModuleList.Found found in ModuleList.Read(Profile, view.Kernel, Machine.Name, Machine.Limits))
            yield return found.Module;
    }

    /// <summary>The kernel's symbols together with those of its modules, as they are now.</summary>
    public ISymbolTable Symbols()
    {
        using GuestView view = Rent();
        return ModuleSymbols.Join(Profile, view.Kernel, Machine.Name, Machine.Limits);
    }

    /// <summary>The address of a symbol of the kernel or of a module, or false. A kernel whose kallsyms hold code only tells of data that it exports
    /// to modules elsewhere, and is asked there last.</summary>
    public bool TryFindSymbol(string name, out GuestVirtualAddress address)
    {
        if (Profile.TryGetSymbol(name, out address) || Symbols().TryFind(name, out address))
            return true;
        lock (_views)
        {
            if (!_exportsRead && !Profile.Symbols.TryFind("init_task", out _))
                _exports = KsymtabDecoder.Find(OpenKernelSpace(), Profile.Location, Machine.Limits);
            _exportsRead = true;
        }
        return _exports is not null && _exports.TryFind(name, out address);
    }

    /// <summary>The system calls of one kind of programs, as they are now; see <see cref="SyscallTable.Read"/>.</summary>
    public SyscallTable Syscalls(SyscallAbi abi) => SyscallTable.Read(Profile, OpenKernelSpace(), abi, Machine.Limits);

    /// <summary>The kernel's address space, for one operation of the caller's; see <see cref="AddressSpace"/>.</summary>
    public AddressSpace OpenKernelSpace() => Profile.Location.OpenSpace(new SnapshotMemory(Machine.GetMemory()));

    /// <summary>The address space of a process. Throws <c>ProcessNotFound</c>; a kernel thread has none of its own and gives the
    /// kernel's.</summary>
    public AddressSpace OpenProcessSpace(int processId, CancellationToken cancel = default)
    {
        ProcessList list = Processes(new ProcessQuery(), cancel);
        VmiProcess process = list.Processes.FirstOrDefault(task => task.ProcessId == processId)
            ?? throw new VmiException(VmiErrorCode.ProcessNotFound,
                $"Machine '{Machine.Name}' has no process {processId}{(list.IsPartial ? $" in the part of its list that could be read ({list.Problem})" : "")}.",
                $"{Machine.Name}:{processId}");
        if (process.PageDirectory is not { } root)
        {
            if (process.IsKernelThread)
                return OpenKernelSpace();
            throw new VmiException(VmiErrorCode.ProcessNotFound,
                $"Process {processId} of machine '{Machine.Name}' has no memory: it has ended and waits for its parent.", $"{Machine.Name}:{processId}");
        }
        return OpenKernelSpace().WithRoot(new GuestPhysicalAddress(root));
    }

    /// <summary>Whether the kernel that the profile describes is still at its place: the first task bears the name that it always has.</summary>
    internal bool IsThere()
    {
        if (!Profile.TryGetSymbol("init_task", out GuestVirtualAddress task) || !Profile.TryGetOffset("task_struct", "comm", out int comm))
            return true;
        Span<byte> name = stackalloc byte[7];
        return OpenKernelSpace().TryRead(task + (ulong)comm, name) && name.SequenceEqual("swapper"u8);
    }

    private static IReadOnlyList<VcpuRegisters> RegistersOrNone(VmiMachine machine)
    {
        try
        {
            return RegisterReader.Read(machine);
        }
        catch (VmiException e) when (e.Code != VmiErrorCode.MachineLost)
        {
            return [];
        }
    }

    private GuestView Rent()
    {
        Machine.GetMemory();   // throws where the machine is gone
        if (!_views.TryTake(out GuestView? view))
            return new GuestView(this);
        view.Refresh();
        return view;
    }

    internal void Return(GuestView view) => _views.Add(view);
}
