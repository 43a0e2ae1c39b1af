using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Machines.Processes;

namespace VmiPl.Probes.Shim;

/// <summary>Brings the shim into a running QEMU, and out of it. <c>vmi-inject</c> does it; its exit codes are those of native-shim/injector/outcome.h.</summary>
internal static class ShimInjector
{
    private const int Done = 0, NoProcess = 3, NotLoaded = 8, AlreadyLoaded = 10;
    // The name of the memory that it is loaded from: native-shim/injector/channel.h.
    private const string LoadedPath = "/memfd:vmi-shim (deleted)";
    private const string Speaker = "vmi-inject: ";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Loads the library into a process; false where it is there already. Throws <c>ShimUnavailable</c> with what stands in the way.</summary>
    public static bool Load(int processId)
    {
        (int code, string text) = Run("load", Number(processId), ShimLibrary.Find());
        if (code is not (Done or AlreadyLoaded))
            throw new VmiException(VmiErrorCode.ShimUnavailable, $"The shim can't be brought into process {processId}: {text}.", Number(processId));
        return code == Done;
    }

    /// <summary>Whether there is a library in the process that was brought in; false where nobody may look.</summary>
    public static bool HasLoaded(int processId) => ProcessMapping.ReadAll(processId, out _)?.Any(mapping => mapping.Path == LoadedPath) ?? false;

    /// <summary>Takes the library out again; null, or what stands in the way. It does nothing while nobody is connected, so that it may as well stay.</summary>
    public static string? Unload(int processId)
    {
        try
        {
            (int code, string text) = Run("unload", Number(processId));
            return code is Done or NotLoaded or NoProcess ? null : text;
        }
        catch (VmiException e)
        {
            return e.Message;
        }
    }

    private static (int Code, string Text) Run(params string[] arguments)
    {
        using NativeProgram file = NativeProgram.Open(NativeProgram.Injector, VmiErrorCode.ShimUnavailable);
        string program = file.FullName;
        // With files of its own from the start, .NET leaves the terminal's settings alone.
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        try
        {
            using Process process = Process.Start(start)!;
            using var deadline = new CancellationTokenSource(Patience);
            Task<string> text = process.StandardError.ReadToEndAsync(deadline.Token);
            process.WaitForExitAsync(deadline.Token).GetAwaiter().GetResult();
            string said = text.GetAwaiter().GetResult().ReplaceLineEndings(" ").Trim();
            return (process.ExitCode, said.StartsWith(Speaker, StringComparison.Ordinal) ? said[Speaker.Length..] : said);
        }
        catch (Exception e) when (e is Win32Exception or OperationCanceledException)
        {
            throw new VmiException(VmiErrorCode.ShimUnavailable, $"The injector '{program}' does not do its work: {e.Message}", program, e);
        }
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
