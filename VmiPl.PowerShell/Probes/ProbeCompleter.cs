using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;
using VmiPl.Commands.Arguments;

namespace VmiPl.Commands.Probes;

/// <summary>Completes <c>-Probe</c> with the labels of the probes of this session, and the ids of those without one. Never throws.</summary>
public sealed class ProbeCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        string word = CompletionWord.Typed(wordToComplete);
        return
        [
            .. SessionProbes.Current.Probes.SelectMany(session => session.Probes)
                .Select(probe => (Name: probe.Label ?? probe.Id.ToString(CultureInfo.InvariantCulture), Text: probe.ToString()))
                .Where(probe => probe.Name.StartsWith(word, StringComparison.OrdinalIgnoreCase))
                .DistinctBy(probe => probe.Name).Select(probe => CompletionWord.Result(probe.Name, probe.Text)),
        ];
    }
}
