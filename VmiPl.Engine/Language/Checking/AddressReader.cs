using VmiPl.Language.Model;
using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>Reads an argument as a guest-virtual address.</summary>
internal static class AddressReader
{
    /// <summary>The address, or null where there is none; that is then reported. What is added wraps at 64 bits, as the processor does it.</summary>
    public static AddressOperand? Read(Arguments arguments, int index)
    {
        ArgumentSyntax given = arguments[index];
        (ArgumentSyntax first, IReadOnlyList<NumberSyntax> terms) = given is SumSyntax sum ? (sum.First, sum.Terms) : (given, []);
        string? symbol = null;
        ulong offset = 0;
        switch (first)
        {
            case WordSyntax word when RegisterTable.Find(word.Text) is { } register:
                return RegisterAsAddress(arguments, index, register, given is SumSyntax);
            case WordSyntax word:
                symbol = word.Text;
                break;
            case NumberSyntax { IsNegative: true }:
                return arguments.OutOfRange<AddressOperand>(index);
            case NumberSyntax number when !NumberText.TryRead(number, out offset):
                return arguments.TooLarge<AddressOperand>(number);
            case NumberSyntax:
                break;
            case MissingSyntax:
                return null;
            default:
                return arguments.WrongKind<AddressOperand>(index);
        }
        foreach (NumberSyntax term in terms)
        {
            if (!NumberText.TryRead(term, out ulong magnitude))
                return arguments.TooLarge<AddressOperand>(term);
            offset = unchecked(term.IsNegative ? offset - magnitude : offset + magnitude);
        }
        return new AddressOperand(symbol, offset, given.Span);
    }

    private static AddressOperand? RegisterAsAddress(Arguments arguments, int index, RegisterOperand register, bool isSum)
    {
        string hint = arguments.Construct.Name switch
        {
            "ReadMemory" => $"`ReadMemoryAt({register.Name}, <size>, <offset>)` reads where a register points to",
            "ReadString" when isSum => $"a register stands there alone: `ReadString({register.Name}, <max>)`",
            _ => "an address is a number or a kernel symbol",
        };
        return arguments.Report<AddressOperand>(DiagnosticIds.RegisterAsAddress, index, hint, register.Name, arguments.Construct.Name);
    }
}
