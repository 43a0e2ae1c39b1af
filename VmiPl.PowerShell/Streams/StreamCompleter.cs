using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using VmiPl.Commands.Arguments;
using VmiPl.Commands.Probes;

namespace VmiPl.Commands.Streams;

/// <summary>Completes <c>-Stream</c> with the names of this session's streams. Never throws.</summary>
public sealed class StreamCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        string word = CompletionWord.Typed(wordToComplete);
        return
        [
            .. SessionProbes.Current.Probes.SelectMany(probe => probe.Streams).Distinct()
                .Where(name => name.StartsWith(word, StringComparison.OrdinalIgnoreCase))
                .Select(name => CompletionWord.Result(name, name)),
        ];
    }
}
