namespace VmiPl.TestGuests;

/// <summary>A lock between processes: an exclusively opened file. The kernel gives it back when its holder dies.</summary>
internal static class FileLock
{
    /// <summary>Waits until the lock is free; disposing the result gives it back.</summary>
    public static IDisposable Take(string path)
    {
        // The wait is between whole processes, which have no event in common.
        using var pause = new ManualResetEventSlim();
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (Directory.Exists(Path.GetDirectoryName(path)))
            {
                pause.Wait(TimeSpan.FromMilliseconds(100));
            }
        }
    }
}
