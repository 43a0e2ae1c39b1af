using System.Diagnostics;

namespace VmiPl.TestGuests;

/// <summary>Runs a program to its end.</summary>
internal static class Command
{
    /// <summary>Standard output; throws with standard error if the program can't be started or fails.</summary>
    public static string Run(string program, params ReadOnlySpan<string> arguments) =>
        TryRun(program, arguments, out var output, out var error)
            ? output
            : throw new GuestException($"{program} {string.Join(' ', arguments!)} failed: {error.Trim()}");

    /// <summary>As <see cref="Run"/>, but false instead of an exception; variables are <c>NAME=value</c>.</summary>
    public static bool TryRun(string program, ReadOnlySpan<string> arguments, out string output, out string error,
        string? folder = null, params ReadOnlySpan<string> variables)
    {
        output = "";
        try
        {
            using var process = Process.Start(Describe(program, arguments, folder, variables))!;
            process.StandardInput.Close();
            var errors = process.StandardError.ReadToEndAsync();
            output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            error = errors.GetAwaiter().GetResult();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            error = e.Message;
            return false;
        }
    }

    /// <summary>Where <c>PATH</c> has a program of this name; a name with a slash is taken as it is. Null if nowhere.</summary>
    public static string? Find(string program)
    {
        if (program.Contains('/', StringComparison.Ordinal))
            return File.Exists(program) ? Path.GetFullPath(program) : null;
        // A user's PATH may lack the folders where distributions keep some tools.
        var folders = $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/sbin:/usr/libexec";
        return folders.Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
    }

    internal static ProcessStartInfo Describe(string program, ReadOnlySpan<string> arguments, string? folder = null,
        params ReadOnlySpan<string> variables)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
            UseShellExecute = false, WorkingDirectory = folder ?? "",
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var variable in variables)
            start.Environment[variable[..variable.IndexOf('=', StringComparison.Ordinal)]] =
                variable[(variable.IndexOf('=', StringComparison.Ordinal) + 1)..];
        start.Environment["LC_ALL"] = "C";
        return start;
    }
}
