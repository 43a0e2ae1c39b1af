using VmiPl.Linux;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Commands.Symbols;

/// <summary>Makes the printable profile: the symbols and members that the process list and the language's Configuration rest on.</summary>
internal static class ProfileView
{
    private static readonly string[] SymbolNames =
        ["init_task", "init_pid_ns", "init_mm", "swapper_pg_dir", "modules", "linux_banner", "entry_SYSCALL_64", "entry_INT80_32"];

    private static readonly (string Type, string Member)[] Members =
    [
        ("task_struct", "tasks"), ("task_struct", "pid"), ("task_struct", "tgid"), ("task_struct", "comm"),
        ("task_struct", "mm"), ("task_struct", "flags"), ("task_struct", "real_parent"), ("task_struct", "group_leader"),
        ("task_struct", "real_cred"), ("task_struct", "signal"), ("task_struct", "pid_links"),
        ("task_struct", "thread_node"), ("task_struct", "start_boottime"),
        ("signal_struct", "nr_threads"), ("signal_struct", "thread_head"), ("cred", "uid"),
        ("pid", "level"), ("pid", "numbers"), ("pid_namespace", "idr"),
        ("mm_struct", "pgd"), ("mm_struct", "exe_file"),
        ("file", "f_path.dentry"), ("file", "f_path.mnt"),
        ("dentry", "d_parent"), ("dentry", "d_name.name"),
        ("mount", "mnt"), ("mount", "mnt_parent"), ("mount", "mnt_mountpoint"),
        ("module", "name"), ("module", "list"),
    ];

    public static VmiProfile Of(LinuxGuest guest)
    {
        KernelProfile profile = guest.Profile;
        return new VmiProfile
        {
            Machine = guest.Machine.Name,
            KernelRelease = profile.Release,
            BuildId = profile.BuildId,
            Architecture = profile.PointerSize == 8 ? "x86_64" : "i386",
            PagingMode = profile.Location.Mode.ToString(),
            KernelBase = profile.Location.ImageStart.Value,
            SymbolCount = profile.Symbols.Count,
            TypeSource = profile.Types is null ? nameof(ProfileSource.Inferred) : nameof(ProfileSource.Btf),
            Symbols = [.. Symbols(profile)],
            Offsets = [.. Offsets(profile)],
        };
    }

    private static IEnumerable<VmiProfileSymbol> Symbols(KernelProfile profile)
    {
        foreach (string name in SymbolNames)
        {
            if (profile.TryGetSymbol(name, out GuestVirtualAddress address, out ProfileSource source))
                yield return new VmiProfileSymbol(name, address.Value, source.ToString());
        }
    }

    private static IEnumerable<VmiProfileOffset> Offsets(KernelProfile profile)
    {
        foreach ((string type, string member) in Members)
        {
            if (profile.TryGetOffset(type, member, out int offset, out ProfileSource source))
                yield return new VmiProfileOffset(type, member, offset, source.ToString());
        }
    }
}
