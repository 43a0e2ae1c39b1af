using VmiPl.Errors;

namespace VmiPl.Commands.Errors;

/// <summary>Sorts exceptions: which are the module's to report, and as what.</summary>
internal static class Failure
{
    /// <summary>Whether the module reports the exception. PowerShell's own ones (a stopped pipeline, an error action of
    /// <c>Stop</c>, the end that <c>Select-Object -First</c> asks for) pass through; some of those types are internal to it,
    /// so the namespace decides. Memory exhaustion of this process is not dressed up as an error of the guest.</summary>
    public static bool IsOurs(Exception exception) =>
        exception is not OutOfMemoryException
        && exception.GetType().Namespace?.StartsWith("System.Management.Automation", StringComparison.Ordinal) != true;

    /// <summary>The exception in the Engine's terms. What the Engine did not foresee is said to be that, without a stack
    /// trace; the exception itself is kept inside.</summary>
    public static VmiException Translate(Exception exception) => exception switch
    {
        VmiException known => known,
        UnauthorizedAccessException => new VmiException(VmiErrorCode.AccessDenied, exception.Message, null, exception),
        IOException => new VmiException(VmiErrorCode.FileFailure, exception.Message, null, exception),
        OperationCanceledException or TimeoutException => new VmiException(VmiErrorCode.Timeout, exception.Message, null, exception),
        _ => new VmiException(
            VmiErrorCode.GuestDataInvalid, $"Unforeseen failure while reading the guest: {exception.Message} ({exception.GetType().Name})", null, exception),
    };
}
