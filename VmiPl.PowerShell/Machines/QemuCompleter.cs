using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using VmiPl.Commands.Arguments;
using VmiPl.Commands.Errors;

namespace VmiPl.Commands.Machines;

/// <summary>Completes <c>-Qemu</c> with the names of the installed programs; a path completes as paths do. Never throws.</summary>
public sealed class QemuCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        string word = CompletionWord.Typed(wordToComplete);
        try
        {
            if (word.Contains('/', StringComparison.Ordinal))
                return CompletionCompleters.CompleteFilename(word);
            return [.. EngineAccess.QemuPrograms.Where(name => name.StartsWith(word, StringComparison.OrdinalIgnoreCase))
                .Select(name => CompletionWord.Result(name, name))];
        }
        catch (Exception e) when (Failure.IsOurs(e) || e is RuntimeException)
        {
            return [];
        }
    }
}
