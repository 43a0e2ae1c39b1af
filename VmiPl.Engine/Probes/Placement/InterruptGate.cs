namespace VmiPl.Probes.Placement;

/// <summary>What an entry of an interrupt descriptor table is (Intel SDM volume 3A, 6.11 and 6.14.1).</summary>
public enum GateKind
{
    /// <summary>Not present, or the vector lies behind the table's limit: the processor raises a fault in its place.</summary>
    Absent,
    /// <summary>Its memory cannot be read.</summary>
    Unreadable,
    /// <summary>Present, of a type that no processor takes in this mode.</summary>
    Invalid,
    /// <summary>An interrupt gate: the handler begins with interrupts off.</summary>
    Interrupt,
    /// <summary>A trap gate: interrupts stay as they are.</summary>
    Trap,
    /// <summary>A task gate, in 32-bit tables only: the processor switches to the task of <see cref="InterruptGate.Selector"/>, and there is no
    /// handler's address.</summary>
    Task,
}

/// <summary>One entry of an interrupt descriptor table. <see cref="Handler"/> is a guest-virtual address, given that the code segment begins at 0 as
/// Linux has it; it is 0 where <see cref="Kind"/> is neither <see cref="GateKind.Interrupt"/> nor <see cref="GateKind.Trap"/>.
/// <see cref="PrivilegeLevel"/> is the least privileged level, 0 to 3, whose <c>int n</c> may use it; <see cref="StackTable"/> the slot of the
/// interrupt stack table, 0 for none and in 32-bit tables.</summary>
public readonly record struct InterruptGate(int Vector, GateKind Kind, ulong Handler, ushort Selector, int PrivilegeLevel, int StackTable);
