using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;
using VmiPl.Commands.Arguments;

namespace VmiPl.Commands.Probes;

/// <summary>Completes <c>-Id</c> with the ids of this session's probe sessions. Never throws.</summary>
public sealed class SessionCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        string word = CompletionWord.Typed(wordToComplete);
        return
        [
            .. SessionProbes.Current.Probes.Select(probe => (Id: probe.Id.ToString(CultureInfo.InvariantCulture), Text: probe.ToString()))
                .Where(probe => probe.Id.StartsWith(word, StringComparison.Ordinal))
                .Select(probe => new CompletionResult(probe.Id, probe.Text, CompletionResultType.ParameterValue, probe.Text)),
        ];
    }
}
