using VmiPl.Compilation.Targets;
using VmiPl.Language;
using VmiPl.Language.Checking;
using VmiPl.Language.Model;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Compilation;

/// <summary>Asks the guest what a script's operands are in it. Each symbol is looked up, and each mistake reported, once.</summary>
internal sealed class OperandChecks(TargetKernel kernel, DiagnosticBag diagnostics)
{
    private readonly Dictionary<string, ulong?> _symbols = new(StringComparer.Ordinal);
    private readonly HashSet<SourceSpan> _reported = [];
    private ISymbolTable? _table;

    /// <summary>The guest-virtual address of an operand, or null, which was reported then.</summary>
    public ulong? Resolve(AddressOperand operand)
    {
        ulong address = operand.Offset;
        if (operand.Symbol is not null)
        {
            if (Find(operand.Symbol, operand.Span) is not { } symbol)
                return null;
            address += symbol;
        }
        if (kernel.Guest is null)
            return address;
        if (kernel.PointerSize == 4)
        {
            if (operand.Symbol is not null)
                return (uint)address;
            return address <= uint.MaxValue ? address : Report(CompilationDiagnostics.AddressTooLarge, operand.Span, null, address);
        }
        int unused = 64 - PageTableWalker.AddressBits(kernel.Mode);
        return (ulong)((long)(address << unused) >> unused) == address
            ? address
            : Report(CompilationDiagnostics.AddressNotCanonical, operand.Span, null, address);
    }

    /// <summary>Whether the guest has a register.</summary>
    public bool Check(RegisterOperand operand)
    {
        bool isLong = operand.Bits == 64 || operand.Register is >= GuestRegister.R8 and <= GuestRegister.R15 or GuestRegister.Cr8;
        if (kernel.Guest is null || kernel.PointerSize == 8 || !isLong)
            return true;
        string? hint = operand.Name.StartsWith('R') && !char.IsAsciiDigit(operand.Name[1]) ? $"did you mean `E{operand.Name[1..]}`?" : null;
        Report(CompilationDiagnostics.RegisterNotThere, operand.Span, hint, operand.Name);
        return false;
    }

    /// <summary>Whether a value, or the negative number of which it is the two's complement, fits into so many bits.</summary>
    public bool CheckValue(ulong value, int bits, string what, SourceSpan span)
    {
        if (bits >= 64 || value >> bits == 0 || (long)value >> (bits - 1) == -1)
            return true;
        if (kernel.Guest is not null)
            Report(CompilationDiagnostics.ValueTooLarge, span, null, value, bits, what);
        return kernel.Guest is null;
    }

    private ulong? Find(string name, SourceSpan span)
    {
        if (_symbols.TryGetValue(name, out ulong? known))
            return known ?? (kernel.Guest is null ? 0 : ReportUnknown(name, span));
        ulong? address = null;
        if (kernel.Guest is { } guest)
        {
            if (guest.TryFindSymbol(name, out GuestVirtualAddress found))
                address = found.Value;
        }
        _symbols.Add(name, address);
        if (address is not null)
            return address;
        if (kernel.Guest is null)
        {
            diagnostics.Report(CompilationDiagnostics.SymbolLeftOpen, span, null, name);
            return 0;
        }
        return ReportUnknown(name, span);
    }

    private ulong? ReportUnknown(string name, SourceSpan span)
    {
        string? near = kernel.Guest is null ? null : NearestName.Hint(name, (_table ??= kernel.Guest.Symbols()).Enumerate().Select(symbol => symbol.Name));
        return Report(CompilationDiagnostics.UnknownSymbol, span, near ?? "guest symbols are case-sensitive; Get-VmiSymbol lists them", name);
    }

    /// <summary>Several bodies may be compiled of one text: what is wrong with a place is said once.</summary>
    private ulong? Report(Language.Tables.DiagnosticDescriptor descriptor, SourceSpan span, string? hint, params ReadOnlySpan<object?> arguments)
    {
        if (_reported.Add(span))
            diagnostics.Report(descriptor, span, hint, arguments);
        return null;
    }
}
