using System.Management.Automation;
using System.Text;

namespace VmiPl.PowerShellHost;

/// <summary>An error as text for a person: what, where, what to do, and the id to search for.</summary>
public static class ErrorText
{
    /// <summary>Several lines, without a line end after the last.</summary>
    public static string Of(ErrorRecord error)
    {
        var text = new StringBuilder();
        if (error.InvocationInfo?.MyCommand?.Name is { Length: > 0 } command)
            text.Append(command).Append(": ");
        text.Append(error.ToString());
        if (error.InvocationInfo?.PositionMessage is { Length: > 0 } position)
            text.AppendLine().Append(position);
        if (error.ErrorDetails?.RecommendedAction is { Length: > 0 } action)
            text.AppendLine().Append("  What to do: ").Append(action);
        // `throw 'text'` has its text as id.
        if (error.FullyQualifiedErrorId != error.ToString())
            text.AppendLine().Append("  (").Append(error.FullyQualifiedErrorId).Append(')');
        return text.ToString();
    }
}
