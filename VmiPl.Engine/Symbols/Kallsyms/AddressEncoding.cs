namespace VmiPl.Symbols.Kallsyms;

/// <summary>How a kernel writes down its symbols' addresses (kernel/kallsyms.c, <c>kallsyms_sym_address</c>).</summary>
internal enum AddressEncoding
{
    /// <summary>A pointer each (<c>kallsyms_addresses</c>, to 6.11; 32-bit kernels again from 7.0 on).</summary>
    Absolute,
    /// <summary>Unsigned 32-bit distances from <c>kallsyms_relative_base</c> (4.6 to 6.19).</summary>
    BaseRelative,
    /// <summary>Signed 32-bit values: not negative, an absolute (per-CPU) one; negative, base − 1 − value (to 6.14).</summary>
    AbsolutePercpu,
    /// <summary>Signed 32-bit distances from the value's own place (7.0 on).</summary>
    PlaceRelative,
}
