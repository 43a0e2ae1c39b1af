using System.Diagnostics;
using VmiPl.Tests.Repository;

namespace VmiPl.Tests.Native;

/// <summary>Builds and runs what <c>native-shim/tests/Makefile</c> has, in a folder of its own. Thread-safe once made.</summary>
public sealed class NativeMake : IDisposable
{
    /// <summary>Where everything is built.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("vmipl-native-").FullName;

    /// <summary>Skips the running test where nothing can be compiled.</summary>
    public static void SkipWithoutCompiler()
    {
        string compiler = Environment.GetEnvironmentVariable("CC") is { Length: > 0 } named ? named.Split(' ')[0] : "gcc";
        string[] missing = [.. new[] { compiler, "make" }.Where(program => !IsInstalled(program))];
        Assert.SkipWhen(missing.Length > 0, $"Native tests need {string.Join(" and ", missing)} (Debian: gcc, libc6-dev, make).");
    }

    /// <summary>Makes a target; gives the exit code of <c>make</c> and all that was printed.</summary>
    public async Task<(int ExitCode, string Output)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("make") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["-C", Path.Combine(RepositoryFolder.Root, "native-shim/tests"), $"BUILD={Folder}", .. arguments])
            start.ArgumentList.Add(argument);
        // A make above this test, if there is one, is none of its business.
        start.Environment.Remove("MAKEFLAGS");
        start.Environment.Remove("MAKELEVEL");
        using Process make = Process.Start(start)!;
        try
        {
            CancellationToken end = TestContext.Current.CancellationToken;
            Task<string> output = make.StandardOutput.ReadToEndAsync(end), errors = make.StandardError.ReadToEndAsync(end);
            await make.WaitForExitAsync(end);
            return (make.ExitCode, await output + await errors);
        }
        catch (OperationCanceledException)
        {
            make.Kill(entireProcessTree: true);
            throw;
        }
    }

    /// <summary>As <see cref="RunAsync"/>; what was printed is the message of the failure.</summary>
    public async Task<string> MustRunAsync(params string[] arguments)
    {
        (int exitCode, string output) = await RunAsync(arguments);
        Assert.True(exitCode == 0, output);
        return output;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static bool IsInstalled(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));
}
