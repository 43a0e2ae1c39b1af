using System.Collections.Immutable;
using VmiPl.Language.Model;
using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>Reads the fields of <c>ProcessList</c> and <c>ReadVMCS</c>, behind which an output may stand.</summary>
internal static class FieldReader
{
    public static (ImmutableArray<ProcessField> Fields, Output Output)? ProcessFields(Arguments arguments) =>
        Read(arguments, name => ProcessFieldTable.ByName.ContainsKey(name), ProcessField);

    public static (ImmutableArray<VmcsField> Fields, Output Output)? VmcsFields(Arguments arguments) =>
        Read(arguments, name => VmcsFieldTable.Given.ContainsKey(name) || VmcsFieldTable.Refused.ContainsKey(name), VmcsField);

    private static (ImmutableArray<T> Fields, Output Output)? Read<T>(Arguments arguments, Predicate<string> isField, Func<Arguments, int, string, T?> read)
        where T : struct, Enum
    {
        int fields = arguments.Count - (IsOutput(arguments[arguments.Count - 1], isField) ? 1 : 0);
        if (fields == 0)
            return arguments.WrongKind<(ImmutableArray<T>, Output)?>(0);
        var found = new HashSet<T>();
        var inOrder = ImmutableArray.CreateBuilder<T>();
        bool isComplete = true;
        for (int i = 0; i < fields; i++)
        {
            T? field = arguments[i] is WordSyntax word ? read(arguments, i, word.Text) : arguments.WrongKind<T?>(i);
            isComplete &= field is not null;
            if (field is not { } known)
                continue;
            if (found.Add(known))
                inOrder.Add(known);
            else
                isComplete = arguments.Report<bool>(DiagnosticIds.DuplicateField, i, null, Shown.Text(arguments[i]));
        }
        Output? output = arguments.Output(fields);
        return isComplete && output is not null ? (inOrder.ToImmutable(), output) : null;
    }

    /// <summary>A word is a field, right or wrong, unless it has a dot as files' names have.</summary>
    private static bool IsOutput(ArgumentSyntax last, Predicate<string> isField) =>
        last is StreamSyntax or TextSyntax or PathSyntax || (last is WordSyntax word && word.Text.Contains('.', StringComparison.Ordinal) && !isField(word.Text));

    private static ProcessField? ProcessField(Arguments arguments, int index, string name) =>
        ProcessFieldTable.ByName.TryGetValue(name, out (ProcessField Field, string Description) found)
            ? found.Field
            : arguments.Report<ProcessField?>(DiagnosticIds.UnknownProcessField, index, Hint(name, ProcessFieldTable.Names), Shown.Of(name));

    private static VmcsField? VmcsField(Arguments arguments, int index, string name)
    {
        if (VmcsFieldTable.Given.TryGetValue(name, out VmcsField field))
            return field;
        string possible = string.Join(", ", VmcsFieldTable.Given.Keys.Order(StringComparer.Ordinal));
        return VmcsFieldTable.Refused.TryGetValue(name, out string? reason)
            ? arguments.Report<VmcsField?>(DiagnosticIds.RefusedVmcsField, index, $"what can be read is {possible}", Shown.Of(name), reason)
            : arguments.Report<VmcsField?>(DiagnosticIds.UnknownVmcsField, index, Hint(name, [.. VmcsFieldTable.Given.Keys, .. VmcsFieldTable.Refused.Keys]), Shown.Of(name));
    }

    private static string Hint(string name, IReadOnlyList<string> known) =>
        NearestName.Hint(name, known) ?? $"the fields are {string.Join(", ", known)}";
}
