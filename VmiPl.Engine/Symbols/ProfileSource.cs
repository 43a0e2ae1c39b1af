namespace VmiPl.Symbols;

/// <summary>Where a value of a profile comes from.</summary>
public enum ProfileSource
{
    /// <summary>The guest kernel's own type information.</summary>
    Btf,
    /// <summary>The guest kernel's symbol table.</summary>
    Kallsyms,
    /// <summary>The guest kernel's table of exported symbols.</summary>
    Ksymtab,
    /// <summary>Found by known content: what the kernel's data must look like.</summary>
    Inferred,
    /// <summary>Given by a Configuration.</summary>
    Configuration,
}
