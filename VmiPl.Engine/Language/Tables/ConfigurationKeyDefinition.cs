namespace VmiPl.Language.Tables;

/// <summary>A key that a Configuration may have.</summary>
public sealed record ConfigurationKeyDefinition(string Name, ConfigurationValueForm Form, string Description)
{
    /// <summary>The largest offset of a member, in bytes; no kernel's structure is that long.</summary>
    public const int MaxOffset = 1 << 20;

    /// <summary>What its value has to be, in words.</summary>
    public string Phrase => Form switch
    {
        ConfigurationValueForm.Address => "an address, written as a number",
        ConfigurationValueForm.Offset => $"an offset in bytes from 0 to {MaxOffset}",
        ConfigurationValueForm.Register => "a register",
        _ => "an interrupt number from 0 to 255",
    };
}
