using System.Collections.Immutable;
using System.Text;
using VmiPl.Language.Model;
using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>Reads the arguments of a filter.</summary>
internal static class FilterReader
{
    /// <summary>What makes the filter of a body, or null where the arguments have mistakes.</summary>
    public static Func<ImmutableArray<Statement>, Statement>? Read(Arguments arguments, string name, SourceSpan span) => name switch
    {
        "RegisterHasValue" => RegisterHasValue(arguments, span),
        "ValueAtAddressIs" => ValueAtAddressIs(arguments, span),
        _ => ProcessIs(arguments, span),
    };

    private static Func<ImmutableArray<Statement>, Statement>? RegisterHasValue(Arguments arguments, SourceSpan span)
    {
        RegisterOperand? register = arguments.Register(0);
        int bits = register is null or { Bits: 0 } ? 64 : register.Bits;
        ulong? value = arguments.Value(1, bits, register is null ? "64 bits" : $"the {bits} bits of {register.Name}");
        return register is not null && value is { } number ? body => new RegisterHasValueFilter(register, number, body, span) : null;
    }

    private static Func<ImmutableArray<Statement>, Statement>? ValueAtAddressIs(Arguments arguments, SourceSpan span)
    {
        AddressOperand? address = arguments.Address(0);
        (ulong Value, int? Size)? value = SizedValue.Read(arguments, 1);
        return address is not null && value is var (number, size) ? body => new ValueAtAddressIsFilter(address, number, size, body, span) : null;
    }

    private static Func<ImmutableArray<Statement>, Statement>? ProcessIs(Arguments arguments, SourceSpan span)
    {
        if (arguments[0] is not WordSyntax word)
            return arguments.WrongKind<Func<ImmutableArray<Statement>, Statement>>(0);
        if (!ProcessFieldTable.ByName.TryGetValue(word.Text, out (ProcessField Field, string Description) key))
        {
            return arguments.Report<Func<ImmutableArray<Statement>, Statement>>(
                DiagnosticIds.UnknownProcessField, 0, NearestName.Hint(word.Text, ["PID", "NAME"]) ?? "it is PID or NAME", Shown.Of(word.Text));
        }
        switch (key.Field)
        {
            case ProcessField.Pid:
                return arguments.Number(1, 0, ParameterPhrases.MaxProcessId) is { } id ? body => new ProcessIdIsFilter((int)id, body, span) : null;
            case ProcessField.Name:
                return ProcessName(arguments, 1) is { } name ? body => new ProcessNameIsFilter(name, body, span) : null;
            default:
                return arguments.WrongKind<Func<ImmutableArray<Statement>, Statement>>(0);
        }
    }

    private static string? ProcessName(Arguments arguments, int index)
    {
        if (arguments[index] is not TextSyntax text)
            return arguments.WrongKind<string>(index);
        int bytes = Encoding.UTF8.GetByteCount(text.Text);
        string? reason = text.Text.Length == 0 ? "it is empty"
            : text.Text.Contains('\0', StringComparison.Ordinal) ? "it has a NUL character"
            : bytes > ParameterPhrases.MaxProcessName ? $"it has {bytes} bytes, and the kernel keeps {ParameterPhrases.MaxProcessName}"
            : null;
        if (reason is null)
            return text.Text;
        return arguments.Report<string>(DiagnosticIds.BadProcessName, index, bytes > ParameterPhrases.MaxProcessName ? "write the first 15 bytes" : null, Shown.Of(text.Text), reason);
    }
}
