using VmiPl.Language.Model;

namespace VmiPl.Commands.Scripts;

/// <summary>Goes through the statements of bodies.</summary>
internal static class BodyWalk
{
    /// <summary>The statements of a body with those of its filters and changes; a checked script's nesting is bounded.</summary>
    public static IEnumerable<Statement> All(IEnumerable<Statement> body) =>
        body.SelectMany(statement => statement switch
        {
            FilterStatement filter => All(filter.Body).Prepend(filter),
            ReconfigureStatement { Body: { } changed } => All(changed).Prepend(statement),
            _ => [statement],
        });

    /// <summary>The outputs of a body, as a script names them.</summary>
    public static IEnumerable<string> Outputs(IEnumerable<Statement> body) =>
        All(body).Select(OutputOf).OfType<Output>().Select(output => output.ToString());

    /// <summary>The symbols that a body names.</summary>
    public static IEnumerable<string> Symbols(IEnumerable<Statement> body) =>
        All(body).Select(AddressOf).Select(address => address?.Symbol).OfType<string>();

    private static Output? OutputOf(Statement statement) => statement switch
    {
        ReadRegisterStatement read => read.Output,
        ReadMemoryStatement read => read.Output,
        ReadMemoryAtStatement read => read.Output,
        ReadStringStatement read => read.Output,
        ReadVmcsStatement read => read.Output,
        ProcessListStatement list => list.Output,
        _ => null,
    };

    private static AddressOperand? AddressOf(Statement statement) => statement switch
    {
        ReadMemoryStatement read => read.Address,
        ReadStringStatement read => read.Address,
        ValueAtAddressIsFilter filter => filter.Address,
        _ => null,
    };
}
