using System.Collections.Immutable;
using VmiPl.Language.Model;
using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>The arguments of one invocation, each read as what its parameter has to be. What is wrong is reported once and gives
/// null; a <see cref="MissingSyntax"/> was reported by the parser.</summary>
internal sealed class Arguments(InvocationSyntax invocation, Construct construct, DiagnosticBag diagnostics)
{
    private readonly ImmutableArray<ArgumentSyntax> _given = invocation.Arguments ?? [];

    public Construct Construct => construct;

    public int Count => _given.Length;

    public ArgumentSyntax this[int index] => _given[index];

    /// <summary>Whether there are as many as the construct takes. False without a word where a syntax error hides some.</summary>
    public bool HaveRightCount()
    {
        if (invocation.IsDamaged)
            return false;
        if (Count >= construct.MinArguments && Count <= construct.MaxArguments)
            return true;
        SourceSpan span = invocation.Name.Span;
        if (Count > construct.MaxArguments)
        {
            SourceSpan first = _given[construct.MaxArguments].Span;
            span = new SourceSpan(first.Start, _given[^1].Span.End - first.Start);
        }
        diagnostics.Report(DiagnosticIds.ArgumentCount, span, construct.Parameters.Length > 0 ? $"it is written `{construct.Signature}`" : null,
            construct.Name, Takes(), Count switch { 0 => "there is none", 1 => "there is 1", _ => $"there are {Count}" });
        return false;
    }

    public AddressOperand? Address(int index) => AddressReader.Read(this, index);

    public RegisterOperand? Register(int index)
    {
        if (_given[index] is not WordSyntax word)
            return WrongKind<RegisterOperand>(index);
        RegisterOperand? register = RegisterTable.Find(word.Text, word.Span);
        if (register is null)
            diagnostics.Report(DiagnosticIds.UnknownRegister, word.Span, NearestName.Hint(word.Text, RegisterTable.Names), Shown.Of(word.Text));
        return register;
    }

    /// <summary>A number of that range.</summary>
    public ulong? Number(int index, ulong min, ulong max)
    {
        if (_given[index] is not NumberSyntax number)
            return WrongKind<ulong?>(index);
        if (NumberText.TryRead(number, out ulong value) && (!number.IsNegative || value == 0) && value >= min && value <= max)
            return value;
        return OutOfRange<ulong?>(index);
    }

    /// <summary>One of these numbers.</summary>
    public ulong? OneOf(int index, params ReadOnlySpan<ulong> allowed)
    {
        if (_given[index] is not NumberSyntax number)
            return WrongKind<ulong?>(index);
        return NumberText.TryRead(number, out ulong value) && !number.IsNegative && allowed.Contains(value) ? value : OutOfRange<ulong?>(index);
    }

    public long? Offset(int index)
    {
        if (_given[index] is not NumberSyntax number)
            return WrongKind<long?>(index);
        if (!NumberText.TryRead(number, out ulong magnitude))
            return TooLarge<long?>(number);
        if (magnitude > (number.IsNegative ? 1UL << 63 : long.MaxValue))
            return OutOfRange<long?>(index);
        return unchecked(number.IsNegative ? (long)(0 - magnitude) : (long)magnitude);
    }

    /// <summary>A number that has to fit into so many bits, in two's complement of them.</summary>
    public ulong? Value(int index, int bits, string container)
    {
        if (_given[index] is not NumberSyntax number)
            return WrongKind<ulong?>(index);
        if (!NumberText.TryRead(number, out ulong magnitude))
            return TooLarge<ulong?>(number);
        ulong? value = NumberText.Complement(number.IsNegative, magnitude, bits);
        if (value is null)
            diagnostics.Report(DiagnosticIds.ValueDoesNotFit, number.Span, null, Shown.Text(number), container);
        return value;
    }

    /// <summary>The output, which is the last argument or left out.</summary>
    public Output? Output(int index)
    {
        if (index >= Count)
            return Model.Output.Default;
        ArgumentSyntax given = _given[index];
        switch (given)
        {
            case StreamSyntax stream:
                return new Output(false, stream.Name);
            case PathSyntax path:
                return new Output(true, path.Text);
            case TextSyntax { Text.Length: > 0 } text when !text.Text.Contains('\0', StringComparison.Ordinal):
                return new Output(true, text.Text);
            case WordSyntax word when RegisterTable.Find(word.Text) is null:
                return new Output(true, word.Text);
            case MissingSyntax:
                return null;
        }
        diagnostics.Report(DiagnosticIds.BadOutput, given.Span,
            given is TextSyntax ? "a file's name has at least one character, and no NUL" : "a stream is written `#name`, a file as its path, in quotes if need be",
            Shown.Sentence(given));
        return null;
    }

    public T? WrongKind<T>(int index, string? hint = null)
    {
        ArgumentSyntax given = _given[index];
        ConstructParameter parameter = Parameter(index);
        if (given is not MissingSyntax)
            diagnostics.Report(DiagnosticIds.WrongKind, given.Span, hint ?? KindHint(given, parameter.Kind), Shown.Sentence(given), parameter.Name, construct.Name, parameter.Phrase);
        return default;
    }

    public T? OutOfRange<T>(int index)
    {
        ConstructParameter parameter = Parameter(index);
        diagnostics.Report(DiagnosticIds.OutOfRange, _given[index].Span, null, parameter.Name, construct.Name, parameter.Phrase, Shown.Text(_given[index]));
        return default;
    }

    public T? TooLarge<T>(NumberSyntax number)
    {
        diagnostics.Report(DiagnosticIds.NumberTooLarge, number.Span, null, Shown.Text(number));
        return default;
    }

    public T? Report<T>(DiagnosticDescriptor descriptor, int index, string? hint, params ReadOnlySpan<object?> arguments)
    {
        diagnostics.Report(descriptor, _given[index].Span, hint, arguments);
        return default;
    }

    /// <summary>A repeated parameter has all arguments from its own place on, but for an output at the end.</summary>
    private ConstructParameter Parameter(int index) => construct.Parameters[Math.Min(index, construct.MaxArguments == int.MaxValue ? 0 : int.MaxValue)];

    private string Takes()
    {
        int min = construct.MinArguments, max = construct.MaxArguments;
        if (max == int.MaxValue)
            return $"at least {Shown.Count(min, "argument")}, {construct.Parameters[0].Phrase}";
        if (min != max)
            return min == 0 && max == 1 ? $"at most 1 argument, {construct.Parameters[0].Phrase}" : $"{min} to {max} arguments";
        return max == 1 ? $"1 argument, {construct.Parameters[0].Phrase}" : Shown.Count(max, "argument");
    }

    private string? KindHint(ArgumentSyntax given, ParameterKind kind) => (given, kind) switch
    {
        (WordSyntax word, ParameterKind.ControlRegister) when word.Text.StartsWith("CR", StringComparison.OrdinalIgnoreCase) && NumberText.IsNumber(word.Text[2..]) =>
            $"write the number only: `{construct.Name}({Shown.Of(word.Text[2..])})`",
        (WordSyntax word, ParameterKind.ProcessIdentity) => $"a name stands in quotes: `\"{Shown.Of(word.Text)}\"`",
        (TextSyntax, not (ParameterKind.ProcessIdentity or ParameterKind.MacAddress)) => "quotes are for files and for the names of processes",
        _ => $"it is written `{construct.Signature}`",
    };
}
