using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;
using VmiPl.Commands.Errors;

namespace VmiPl.Commands.Scripts;

/// <summary>Completes <c>-Path</c> with folders and <c>*.vmipl</c> files. Never throws.</summary>
public sealed class ScriptPathCompleter : IArgumentCompleter
{
    private const int MaxResults = 1000;

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        string word = (wordToComplete ?? "").Trim('\'', '"');
        // What was typed stays as it was typed: a relative path is completed to a relative one.
        string typed = word[..(word.LastIndexOf('/') + 1)], start = word[typed.Length..];
        try
        {
            return [.. new DirectoryInfo(FolderOf(typed.Length == 0 ? "." : typed)).EnumerateFileSystemInfos(start + "*", Options)
                .Where(found => found is DirectoryInfo || found.Extension.Equals(".vmipl", StringComparison.OrdinalIgnoreCase))
                .Take(MaxResults).OrderBy(found => found.Name, StringComparer.Ordinal)
                .Select(found => Result(typed + found.Name, found))];
        }
        catch (Exception e) when (Failure.IsOurs(e) || e is RuntimeException)
        {
            return [];
        }
    }

    /// <summary>The session knows its location, its drives and what ~ is, but may be asked from within a pipeline only, which is where the
    /// prompt completes. Others, such as editors, may complete outside of one.</summary>
    private static string FolderOf(string typed)
    {
        if (Runspace.DefaultRunspace is not null)
        {
            try
            {
                using PowerShell shell = PowerShell.Create(RunspaceMode.CurrentRunspace);
                shell.AddScript("param($path) $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($path)").AddArgument(typed);
                if (shell.Invoke<string>() is [string folder])
                    return folder;
            }
            catch (Exception e) when (e is RuntimeException or InvalidOperationException)
            {
            }
        }
        return Path.GetFullPath(typed);
    }

    private static EnumerationOptions Options => new() { IgnoreInaccessible = true, MatchCasing = MatchCasing.CaseInsensitive };

    private static CompletionResult Result(string path, FileSystemInfo found) => new(
        Quote(path), found.Name, found is DirectoryInfo ? CompletionResultType.ProviderContainer : CompletionResultType.ProviderItem, found.FullName);

    private static string Quote(string path) =>
        path.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/' or '~') && path[0] != '-'
            ? path
            : "'" + path.Replace("'", "''", StringComparison.Ordinal) + "'";
}
