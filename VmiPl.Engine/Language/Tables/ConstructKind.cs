namespace VmiPl.Language.Tables;

/// <summary>What sort of thing a name of the language stands for.</summary>
public enum ConstructKind
{
    /// <summary>The Configuration.</summary>
    Block,
    /// <summary>Says when something is done; has a body.</summary>
    EventProbe,
    /// <summary>Reads or writes something of the guest at an event.</summary>
    DataProbe,
    /// <summary>Has a body that runs only where it is true.</summary>
    Filter,
    /// <summary>Changes what runs.</summary>
    Instruction,
    /// <summary>Records all that goes through a device.</summary>
    StreamProbe,
}
