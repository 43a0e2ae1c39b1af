using System.Collections.Immutable;
using VmiPl.Language.Model;
using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>Reads the arguments of data probes, filters and instructions, and makes the statements of a body. What has mistakes gives no
/// statement; its own body is looked through all the same.</summary>
internal sealed class BodyPass(ProbeIndex probes, DiagnosticBag diagnostics)
{
    public ImmutableArray<Statement> Check(ImmutableArray<EntrySyntax>? body)
    {
        var statements = ImmutableArray.CreateBuilder<Statement>();
        foreach (InvocationSyntax invocation in (body ?? []).OfType<InvocationSyntax>())
        {
            if (diagnostics.IsFull)
                break;
            if (Check(invocation) is { } statement)
                statements.Add(statement);
        }
        return statements.ToImmutable();
    }

    /// <summary>The statement of anything that may stand in a body; null for others, and where there are mistakes.</summary>
    public Statement? Check(InvocationSyntax invocation)
    {
        if (ConstructTable.Find(invocation.Name.Text) is not { Kind: not ConstructKind.Block } construct)
        {
            if (!IsBlock(invocation.Name.Text))
                Check(invocation.Body);
            return null;
        }
        var arguments = new Arguments(invocation, construct, diagnostics);
        if (construct.Kind is ConstructKind.EventProbe or ConstructKind.StreamProbe)
        {
            // Misplaced; what is wrong besides is said at once.
            ProbePass.CheckMisplaced(arguments, construct);
            Check(invocation.Body);
            return null;
        }
        bool haveRightCount = arguments.HaveRightCount();
        if (construct.Kind == ConstructKind.Filter)
        {
            // The head's mistakes are found before those of the body, so that the bound on diagnostics keeps the first.
            Func<ImmutableArray<Statement>, Statement>? filter = haveRightCount ? FilterReader.Read(arguments, construct.Name, invocation.Head) : null;
            ImmutableArray<Statement> body = Check(invocation.Body);
            return filter?.Invoke(body);
        }
        if (construct.Name == "Reconfigure")
            return Reconfigure(invocation, arguments, haveRightCount, isTopLevel: false);
        Statement? statement = haveRightCount ? Simple(arguments, construct.Name, invocation.Head) : null;
        Check(invocation.Body);
        return statement;
    }

    public ReconfigureStatement? Reconfigure(InvocationSyntax invocation, Arguments arguments, bool haveRightCount, bool isTopLevel)
    {
        ProbeReference? probe = haveRightCount ? probes.Resolve(arguments, 0, isTopLevel) : null;
        ImmutableArray<Statement> body = Check(invocation.Body);
        return probe is null ? null : new ReconfigureStatement(probe, invocation.Body is null ? null : body, invocation.Head);
    }

    private static bool IsBlock(string name) => ConstructTable.Find(name) is { Kind: ConstructKind.Block };

    private static Statement? Simple(Arguments arguments, string name, SourceSpan span) => name switch
    {
        "ReadRegister" => ReadRegister(arguments, span),
        "ReadMemory" => ReadMemory(arguments, span),
        "ReadMemoryAt" => ReadMemoryAt(arguments, span),
        "ReadString" => ReadString(arguments, span),
        "ReadVMCS" => FieldReader.VmcsFields(arguments) is var (fields, output) ? new ReadVmcsStatement(fields, output, span) : null,
        "ProcessList" => FieldReader.ProcessFields(arguments) is var (fields, output) ? new ProcessListStatement(fields, output, span) : null,
        "WriteToMemoryAt" => WriteToMemoryAt(arguments, span),
        _ => new PauseStatement(span),
    };

    private static ReadRegisterStatement? ReadRegister(Arguments arguments, SourceSpan span)
    {
        RegisterOperand? register = arguments.Register(0);
        Output? output = arguments.Output(1);
        return register is not null && output is not null ? new ReadRegisterStatement(register, output, span) : null;
    }

    private static ReadMemoryStatement? ReadMemory(Arguments arguments, SourceSpan span)
    {
        AddressOperand? address = arguments.Address(0);
        ulong? size = arguments.Number(1, 1, ParameterPhrases.MaxByteCount);
        Output? output = arguments.Output(2);
        return address is not null && size is { } bytes && output is not null ? new ReadMemoryStatement(address, (int)bytes, output, span) : null;
    }

    private static ReadMemoryAtStatement? ReadMemoryAt(Arguments arguments, SourceSpan span)
    {
        RegisterOperand? register = arguments.Register(0);
        ulong? size = arguments.Number(1, 1, ParameterPhrases.MaxByteCount);
        long? offset = arguments.Offset(2);
        Output? output = arguments.Output(3);
        return register is not null && size is { } bytes && offset is { } distance && output is not null
            ? new ReadMemoryAtStatement(register, (int)bytes, distance, output, span)
            : null;
    }

    private static ReadStringStatement? ReadString(Arguments arguments, SourceSpan span)
    {
        RegisterOperand? register = arguments[0] is WordSyntax word ? RegisterTable.Find(word.Text, word.Span) : null;
        AddressOperand? address = register is null ? arguments.Address(0) : null;
        ulong? max = arguments.Number(1, 1, ParameterPhrases.MaxByteCount);
        Output? output = arguments.Output(2);
        return (register is not null || address is not null) && max is { } bytes && output is not null
            ? new ReadStringStatement(register, address, (int)bytes, output, span)
            : null;
    }

    private static WriteMemoryAtStatement? WriteToMemoryAt(Arguments arguments, SourceSpan span)
    {
        RegisterOperand? register = arguments.Register(0);
        long? offset = arguments.Offset(1);
        (ulong Value, int? Size)? value = SizedValue.Read(arguments, 2);
        return register is not null && offset is { } distance && value is var (number, size)
            ? new WriteMemoryAtStatement(register, distance, number, size, span)
            : null;
    }
}
