using VmiPl.Linux;

namespace VmiPl.Compilation.Targets;

/// <summary>Made-up offsets for an estimate without a guest: programs have the same instructions whatever the numbers are.</summary>
internal static class TypicalLayout
{
    public static TaskLayout Tasks(int pointer) => new()
    {
        InitTask = 0x1000,
        Tasks = 16 * pointer,
        Pid = 32 * pointer,
        Tgid = 32 * pointer + 4,
        Comm = 48 * pointer,
        Mm = 24 * pointer,
        Flags = 8 * pointer,
        RealParent = 33 * pointer,
        Cred = 46 * pointer,
        CredUid = 4,
        Pgd = 9 * pointer,
        Signal = 52 * pointer,
        NrThreads = 8,
        ThreadHead = 16,
        ThreadNode = 40 * pointer,
        StartTime = 44 * pointer,
        ExeFile = 60 * pointer,
        First = 8 * pointer,
        End = 54 * pointer,
    };

    public static PathLayout Paths(int pointer) => new(
        pointer, FileMount: 2 * pointer, FileDentry: 3 * pointer, Parent: 3 * pointer, Name: 5 * pointer, Hash: pointer,
        MountRoot: 0, MountSelf: 4 * pointer, MountParent: 2 * pointer, MountPoint: 3 * pointer);
}
