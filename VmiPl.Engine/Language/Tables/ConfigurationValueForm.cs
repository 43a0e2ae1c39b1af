namespace VmiPl.Language.Tables;

/// <summary>What the value of a Configuration's key has to be.</summary>
public enum ConfigurationValueForm
{
    /// <summary>A guest-virtual address, as a number of up to 64 bits.</summary>
    Address,
    /// <summary>The offset of a member in bytes.</summary>
    Offset,
    /// <summary>A register's name.</summary>
    Register,
    /// <summary>An interrupt's number, 0 to 255.</summary>
    Vector,
}
