using System.Globalization;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Memory;

namespace VmiPl.Commands.Arguments;

/// <summary>What <c>-Address</c> takes: a number, <c>0x…</c> text, or a guest symbol with or without an offset
/// (<c>linux_banner</c>, <c>init_task+0x10</c>).</summary>
public sealed class AddressArgument
{
    private readonly ulong _number;
    private readonly string? _symbol;

    /// <summary>An address.</summary>
    public AddressArgument(ulong address) => _number = address;

    /// <summary>A literal such as <c>0xffffffff81000000</c>, which PowerShell reads as a negative 64-bit number.</summary>
    public AddressArgument(long address) => _number = unchecked((ulong)address);

    /// <summary>A literal such as <c>0xc1000000</c>, which PowerShell reads as a negative 32-bit number.</summary>
    public AddressArgument(int address) => _number = unchecked((uint)address);

    /// <summary>A 32-bit address.</summary>
    public AddressArgument(uint address) => _number = address;

    /// <summary>A decimal literal beyond 64 signed bits, which PowerShell reads as a decimal.</summary>
    public AddressArgument(decimal address) => _number = decimal.ToUInt64(address);

    /// <summary>An address object of the Engine.</summary>
    public AddressArgument(GuestVirtualAddress address) => _number = address.Value;

    /// <summary>An address object of the Engine.</summary>
    public AddressArgument(GuestPhysicalAddress address) => _number = address.Value;

    /// <summary>Text: decimal, <c>0x…</c>, <c>symbol</c>, <c>symbol+offset</c> or <c>symbol-offset</c>.</summary>
    public AddressArgument(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        text = text.Trim();
        if (TryParseNumber(text, out _number))
            return;
        if (char.IsAsciiDigit(text[0]))
            throw new FormatException($"'{text}' is neither a number of at most 64 bits nor a symbol.");
        // A minus or plus can't be part of a symbol's name; the last one separates the offset.
        int sign = text.LastIndexOfAny(['+', '-']);
        if (sign < 0)
        {
            _symbol = text;
            return;
        }
        _symbol = text[..sign].TrimEnd();
        if (_symbol.Length == 0 || !TryParseNumber(text[(sign + 1)..].TrimStart(), out ulong offset))
            throw new FormatException($"'{text}' is not of the form symbol+offset.");
        _number = text[sign] == '+' ? offset : unchecked(0 - offset);
    }

    /// <summary>Whether the guest's symbols are needed to tell the address.</summary>
    public bool NeedsSymbols => _symbol is not null;

    /// <summary>The address of a number. Throws <c>InvalidArgument</c> for a symbol.</summary>
    public ulong ToNumber() => _symbol is null
        ? _number
        : throw new VmiException(VmiErrorCode.InvalidArgument, $"'{_symbol}' is a symbol; a number is needed here.", _symbol);

    /// <summary>The address, with a symbol looked up in the guest. Throws <c>SymbolNotFound</c>.</summary>
    public ulong Resolve(Func<LinuxGuest> guest)
    {
        ArgumentNullException.ThrowIfNull(guest);
        return _symbol is null ? _number : unchecked(EngineAccess.FindSymbol(guest(), _symbol) + _number);
    }

    /// <summary>The address as it was given.</summary>
    public override string ToString() => _symbol is null ? $"0x{_number:x}" : _number == 0 ? _symbol : $"{_symbol}+0x{_number:x}";

    private static bool TryParseNumber(string text, out ulong number) =>
        text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
