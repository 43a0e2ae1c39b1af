namespace VmiPl.Language.Model;

/// <summary>A guest-virtual address: <see cref="Offset"/> alone where <see cref="Symbol"/> is null, else the symbol's address plus
/// <see cref="Offset"/> (modulo 2⁶⁴).</summary>
public sealed record AddressOperand(string? Symbol, ulong Offset, SourceSpan Span)
{
    /// <summary>As a script writes it: <c>0x1000</c>, <c>do_exit</c>, <c>do_exit+0x10</c>, <c>do_exit-0x10</c>.</summary>
    public override string ToString() =>
        Symbol is null ? $"0x{Offset:x}"
        : Offset == 0 ? Symbol
        : Offset > long.MaxValue ? $"{Symbol}-0x{0 - Offset:x}"
        : $"{Symbol}+0x{Offset:x}";
}
