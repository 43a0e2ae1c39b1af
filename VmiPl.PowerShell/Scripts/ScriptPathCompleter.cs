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
            string folder = Runspace.DefaultRunspace.SessionStateProxy.Path.GetUnresolvedProviderPathFromPSPath(typed.Length == 0 ? "." : typed);
            return [.. new DirectoryInfo(folder).EnumerateFileSystemInfos(start + "*", Options)
                .Where(found => found is DirectoryInfo || found.Extension.Equals(".vmipl", StringComparison.OrdinalIgnoreCase))
                .Take(MaxResults).OrderBy(found => found.Name, StringComparer.Ordinal)
                .Select(found => Result(typed + found.Name, found))];
        }
        catch (Exception e) when (Failure.IsOurs(e) || e is RuntimeException)
        {
            return [];
        }
    }

    private static EnumerationOptions Options => new() { IgnoreInaccessible = true, MatchCasing = MatchCasing.CaseInsensitive };

    private static CompletionResult Result(string path, FileSystemInfo found) => new(
        Quote(path), found.Name, found is DirectoryInfo ? CompletionResultType.ProviderContainer : CompletionResultType.ProviderItem, found.FullName);

    private static string Quote(string path) =>
        path.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/' or '~') && path[0] != '-'
            ? path
            : "'" + path.Replace("'", "''", StringComparison.Ordinal) + "'";
}
