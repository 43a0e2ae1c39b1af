using System.Collections.Immutable;
using VmiPl.Errors;
using VmiPl.Language.Model;
using VmiPl.Language.Tables;
using VmiPl.Linux;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Compilation.Targets;

/// <summary>What the compiler has to know of the kernel that a script is compiled for: a guest's own, overlaid by the script's Configuration,
/// or, where there is no guest, one with made-up numbers, which is good for counting instructions. Immutable.</summary>
internal sealed class TargetKernel
{
    private TargetKernel(int pointerSize, PagingMode mode, VmiLimits limits)
    {
        PointerSize = pointerSize;
        Mode = mode;
        Limits = limits;
    }

    /// <summary>Bytes of a pointer.</summary>
    public int PointerSize { get; }

    /// <summary>How the kernel translates addresses.</summary>
    public PagingMode Mode { get; }

    public VmiLimits Limits { get; }

    /// <summary>The mask that makes a process's page directory, as its record has it, of a CR3 value: the tables' address without the bit that
    /// chooses the user half where page tables are isolated.</summary>
    public ulong PageDirectoryMask { get; private init; }

    /// <summary>The guest, or null.</summary>
    public LinuxGuest? Guest { get; private init; }

    /// <summary>The kernel's own page table, through which the kernel half can be read whatever a vCPU's CR3 is.</summary>
    public ulong Root { get; private init; }

    /// <summary>Where tasks lie and what is in them; null where <see cref="TasksProblem"/> says why not.</summary>
    public TaskLayout? Tasks { get; private init; }

    public string? TasksProblem { get; private init; }

    /// <summary>How paths are climbed; null where the kernel does not tell.</summary>
    public PathLayout? Paths { get; private init; }

    /// <summary>Where each CPU keeps its current task; null where the kernel does not tell.</summary>
    public CurrentTask? CurrentTask { get; private init; }

    /// <summary>Where the script's Configuration says that system calls are dispatched, and the register that holds their number there; else null.</summary>
    public (ulong Address, RegisterOperand Number)? Dispatcher { get; private init; }

    /// <summary>The kernel of a guest. Throws <c>InvalidArgument</c> for a Configuration that makes no sense.</summary>
    public static TargetKernel Of(LinuxGuest guest, ImmutableArray<ConfigurationKey> configuration)
    {
        KernelProfile profile = guest.Profile.WithConfiguration(configuration.ToDictionary(entry => entry.Key, entry => entry.Value, StringComparer.OrdinalIgnoreCase));
        TaskLayout? tasks = null;
        string? problem = null;
        try
        {
            tasks = TaskLayout.From(profile);
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.ProfileIncomplete)
        {
            problem = e.Message;
        }
        return new TargetKernel(profile.PointerSize, profile.Location.Mode, guest.Machine.Limits)
        {
            Guest = guest,
            Root = profile.Location.Root.Value,
            PageDirectoryMask = PageTableWalker.RootMask(profile.Location.Mode) & ~(PageTableIsolation.IsOn(guest) ? PageTableIsolation.UserTable : 0),
            Tasks = tasks,
            TasksProblem = problem,
            Paths = PathLayout.From(profile),
            CurrentTask = CurrentTask.From(profile),
            Dispatcher = DispatcherOf(configuration, profile.PointerSize),
        };
    }

    /// <summary>A kernel for an estimate: 32-bit where the script's Configuration has a task list at a 32-bit address, else 64-bit.</summary>
    public static TargetKernel Assumed(VmiScript script)
    {
        bool is32Bit = Number(script.Configuration, "ProcessListHead") is { } head && head <= uint.MaxValue;
        int pointer = is32Bit ? 4 : 8;
        PagingMode mode = is32Bit ? PagingMode.Pae : PagingMode.FourLevel;
        return new TargetKernel(pointer, mode, VmiLimits.Default)
        {
            Root = 0x1000,
            PageDirectoryMask = PageTableWalker.RootMask(mode),
            Tasks = TypicalLayout.Tasks(pointer),
            Paths = TypicalLayout.Paths(pointer),
            CurrentTask = new CurrentTask(0x1000, 0x2000),
            Dispatcher = DispatcherOf(script.Configuration, pointer),
        };
    }

    private static (ulong, RegisterOperand)? DispatcherOf(ImmutableArray<ConfigurationKey> configuration, int pointerSize)
    {
        if (Number(configuration, "SyscallDispatcherAddress") is not { } address)
            return null;
        // The number is in the accumulator at every entry that the architecture has, unless the script knows better.
        RegisterOperand accumulator = pointerSize == 8
            ? new RegisterOperand(GuestRegister.Rax, 64, "RAX", default)
            : new RegisterOperand(GuestRegister.Rax, 32, "EAX", default);
        string? name = Value(configuration, "SyscallNumberLocation");
        return (address, (name is null ? null : RegisterTable.Find(name)) ?? accumulator);
    }

    private static ulong? Number(ImmutableArray<ConfigurationKey> configuration, string key) =>
        Value(configuration, key) is { } text && ConfigurationKeys.TryNumber(text, out ulong value) ? value : null;

    private static string? Value(ImmutableArray<ConfigurationKey> configuration, string key) =>
        configuration.FirstOrDefault(entry => entry.Key.Equals(key, StringComparison.OrdinalIgnoreCase))?.Value;
}
