namespace VmiPl.TestGuests;

/// <summary>The folder that keeps what is expensive to make: kernels, package lists, the compiled agent.</summary>
public static class GuestCache
{
    /// <summary><c>$VMIPL_CACHE/guests</c>, else <c>$XDG_CACHE_HOME/vmipl/guests</c>, else <c>~/.cache/vmipl/guests</c>.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A sub-folder, made if it is not there.</summary>
    public static string Folder(params ReadOnlySpan<string> names) =>
        Directory.CreateDirectory(Path.Combine([Root, .. names])).FullName;

    /// <summary>
    /// Makes the folder <paramref name="name"/> if it is not there: <paramref name="fill"/> writes into a temporary one,
    /// which is renamed when it is complete, so that neither an interruption nor a second process leaves half a result.
    /// </summary>
    public static string Once(string name, Action<string> fill)
    {
        var target = Path.Combine(Root, name);
        if (Directory.Exists(target))
            return target;
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        using (FileLock.Take(target + ".lock"))
        {
            if (Directory.Exists(target))
                return target;
            var unfinished = target + ".unfinished";
            if (Directory.Exists(unfinished))
                Directory.Delete(unfinished, recursive: true);
            Directory.CreateDirectory(unfinished);
            fill(unfinished);
            Directory.Move(unfinished, target);
        }
        return target;
    }

    private static string FindRoot()
    {
        string? Setting(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
        var cache = Setting("VMIPL_CACHE");
        if (cache is null)
        {
            var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            cache = Path.Combine(Setting("XDG_CACHE_HOME") ?? Path.Combine(home, ".cache"), "vmipl");
        }
        return Path.Combine(Path.GetFullPath(cache), "guests");
    }
}
