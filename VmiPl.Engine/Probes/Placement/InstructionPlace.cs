using System.Globalization;
using VmiPl.Language.Model;

namespace VmiPl.Probes.Placement;

/// <summary>One instruction of the guest's kernel or a module that makes a privileged write. Immutable; safe from any thread.</summary>
public sealed record InstructionPlace
{
    /// <summary>Guest-virtual address of its first byte, prefixes included.</summary>
    public required ulong Address { get; init; }
    /// <summary>Its length in bytes, 1 to 15.</summary>
    public required int Length { get; init; }
    /// <summary>What it writes: one flag.</summary>
    public required PrivilegedWrite Kind { get; init; }
    /// <summary>The function that it is part of, with the offset in bytes: <c>load_new_mm_cr3+0x1f</c>.</summary>
    public required string Name { get; init; }
    /// <summary>The module that the function belongs to; null for the kernel proper.</summary>
    public string? Module { get; init; }
    /// <summary>Where the new value comes from.</summary>
    public required ValueSource Source { get; init; }
    /// <summary>The register that the value comes from; null where <see cref="Source"/> names another place.</summary>
    public GuestRegister? Register { get; init; }
    /// <summary>Width of the value in bits: 64 or 32.</summary>
    public required int Bits { get; init; }
    /// <summary>The number of the model specific register where the instruction itself says it; null where ECX or a list in memory does.</summary>
    public uint? ImmediateMsr { get; init; }

    /// <summary>The value that the instruction is about to write; null where that lies in memory. <paramref name="register"/> gives a
    /// register's value before the instruction; <paramref name="old"/> is the written register's, of which <c>lmsw</c> and <c>clts</c> keep
    /// bits.</summary>
    public ulong? NewValue(Func<GuestRegister, ulong> register, ulong old) => Source switch
    {
        ValueSource.Register => Cut(register(Register!.Value)),
        ValueSource.MachineStatus => (old & ~0xFUL) | (register(Register!.Value) & 0xF) | (old & 1),
        ValueSource.ClearTaskSwitched => old & ~8UL,
        ValueSource.EdxEax => (register(GuestRegister.Rdx) << 32) | (uint)register(GuestRegister.Rax),
        _ => null,
    };

    /// <summary>The number of the model specific register that the instruction is about to write; null where it writes another kind of register,
    /// or several of a list in memory.</summary>
    public uint? Msr(Func<GuestRegister, ulong> register) =>
        Kind != PrivilegedWrite.Msr || Source == ValueSource.Memory ? null : ImmediateMsr ?? (uint)register(GuestRegister.Rcx);

    /// <summary>Name, module and address.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Name}{(Module is null ? "" : $" [{Module}]")} (0x{Address:x})");

    private ulong Cut(ulong value) => Bits == 32 ? (uint)value : value;
}
