using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Language;
using VmiPl.Commands.Arguments;
using VmiPl.Commands.Errors;
using VmiPl.Machines;

namespace VmiPl.Commands.Machines;

/// <summary>Completes <c>-Machine</c> with the names of connected and running machines, or their process ids once a digit was
/// typed. Looks neither at memory nor at monitors, so it is quick; it never throws.</summary>
public sealed class MachineCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        string word = CompletionWord.Typed(wordToComplete);
        List<CompletionResult> results = [];
        try
        {
            foreach (VmiMachine machine in MachineResolver.All(_ => { }))
            {
                string id = machine.ProcessId?.ToString(CultureInfo.InvariantCulture) ?? "";
                if (machine.Name.StartsWith(word, StringComparison.OrdinalIgnoreCase))
                    results.Add(CompletionWord.Result(machine.Name, $"{machine.Name} {id}".TrimEnd()));
                else if (word.Length > 0 && id.StartsWith(word, StringComparison.Ordinal))
                    results.Add(new CompletionResult(id, $"{id} ({machine.Name})", CompletionResultType.ParameterValue, machine.Name));
            }
        }
        catch (Exception e) when (Failure.IsOurs(e))
        {
            // A completion that fails offers what it has.
        }
        return results;
    }
}
