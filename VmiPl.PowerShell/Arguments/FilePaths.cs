using System.Management.Automation;
using VmiPl.Errors;

namespace VmiPl.Commands.Arguments;

/// <summary>From PowerShell's paths (drives, <c>~</c>, the session's own location) to the file system's.</summary>
internal static class FilePaths
{
    private const string FileSystem = "FileSystem";

    /// <summary>The file system path of one path, wildcard characters taken as they are; the file need not exist.
    /// Throws <c>InvalidArgument</c> for a path of another provider.</summary>
    public static string Literal(PSCmdlet command, string path)
    {
        string resolved = command.SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out ProviderInfo provider, out _);
        return provider.Name == FileSystem ? resolved : throw NoFile(path);
    }

    /// <summary>The files that a pattern means. Throws <c>FileFailure</c> where a path without wildcards does not exist.</summary>
    public static IEnumerable<string> Matching(PSCmdlet command, string pattern)
    {
        if (!WildcardPattern.ContainsWildcardCharacters(pattern))
            return [Literal(command, pattern)];
        IEnumerable<string> found = command.GetResolvedProviderPathFromPSPath(pattern, out ProviderInfo provider);
        return provider.Name == FileSystem ? found : throw NoFile(pattern);
    }

    private static VmiException NoFile(string path) =>
        new(VmiErrorCode.InvalidArgument, $"'{path}' is no path of the file system.", path);
}
