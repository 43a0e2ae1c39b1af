using System.Buffers.Binary;
using System.Globalization;
using VmiPl.Errors;
using VmiPl.Language.Model;

namespace VmiPl.Probes.GdbStub;

/// <summary>Which of the stub's registers are the language's, by name (gdb-xml/i386-64bit.xml and i386-32bit.xml of QEMU, as seen in 7.2 and 10.0;
/// a 64-bit QEMU shows the 64-bit ones whatever its guest does). Immutable.</summary>
internal sealed class StubRegisters
{
    private static readonly string[] General = ["ax", "bx", "cx", "dx", "si", "di", "bp", "sp"];

    private readonly TargetRegister?[] _places = new TargetRegister?[(int)GuestRegister.Cr8 + 1];
    private readonly TargetRegister? _efer, _fsBase, _gsBase;
    private readonly int _length;

    /// <summary>Finds the registers. Throws <c>NotSupported</c> where the target has no instruction pointer of an x86 CPU.</summary>
    public StubRegisters(TargetDescription target)
    {
        for (int i = 0; i < General.Length; i++)
            _places[i] = target.Find("r" + General[i]) ?? target.Find("e" + General[i]);
        for (int i = 8; i < 16; i++)
            _places[i] = target.Find(string.Create(CultureInfo.InvariantCulture, $"r{i}"));
        Place(GuestRegister.Rip, target.Find("rip") ?? target.Find("eip"));
        Place(GuestRegister.Rflags, target.Find("eflags"));
        for (GuestRegister register = GuestRegister.Cs; register <= GuestRegister.Gs; register++)
            Place(register, target.Find(register.ToString().ToLowerInvariant()));
        for (GuestRegister register = GuestRegister.Cr0; register <= GuestRegister.Cr8; register++)
            Place(register, target.Find(register.ToString().ToLowerInvariant()));
        _efer = target.Find("efer");
        _fsBase = target.Find("fs_base");
        _gsBase = target.Find("gs_base");
        if (_places[(int)GuestRegister.Rip] is null || _places[(int)GuestRegister.Rsp] is null)
            throw new VmiException(VmiErrorCode.NotSupported, "QEMU's gdbstub shows no registers of an x86 vCPU.");
        _length = _places.Append(_efer).Append(_fsBase).Append(_gsBase).OfType<TargetRegister>().Max(register => register.Offset + register.Size);
    }

    /// <summary>Whether the stub shows a register.</summary>
    public bool Has(GuestRegister register) => _places[(int)register] is not null;

    /// <summary>Whether the stub shows what decides how addresses are translated.</summary>
    public bool HasControl => Has(GuestRegister.Cr0) && Has(GuestRegister.Cr3) && Has(GuestRegister.Cr4) && _efer is not null;

    /// <summary>The registers of an answer to <c>g</c>, by <see cref="GuestRegister"/>, zero-extended; those that the stub does not show stay as
    /// they are. Throws <c>MonitorProtocol</c>.</summary>
    public void Read(ReadOnlySpan<byte> answer, Span<ulong> values, out ulong efer, out ulong fsBase, out ulong gsBase)
    {
        if (answer.Length < 2 * _length)
            throw new VmiException(VmiErrorCode.MonitorProtocol, "QEMU's gdbstub broke its protocol: it does not show all of the registers that it describes.");
        byte[] bytes = StubConnection.FromHex(answer[..(2 * _length)]);
        for (int i = 0; i < _places.Length; i++)
        {
            if (_places[i] is { } place)
                values[i] = Value(bytes, place);
        }
        efer = _efer is { } e ? Value(bytes, e) : 0;
        fsBase = _fsBase is { } f ? Value(bytes, f) : 0;
        gsBase = _gsBase is { } g ? Value(bytes, g) : 0;
    }

    /// <summary>The request that sets the instruction pointer.</summary>
    public string SetInstructionPointer(ulong value)
    {
        TargetRegister place = _places[(int)GuestRegister.Rip]!.Value;
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return string.Create(CultureInfo.InvariantCulture, $"P{place.Number:x}={Convert.ToHexStringLower(bytes[..place.Size])}");
    }

    private void Place(GuestRegister register, TargetRegister? place) => _places[(int)register] = place is { Size: <= 8 } ? place : null;

    private static ulong Value(ReadOnlySpan<byte> bytes, TargetRegister place)
    {
        ulong value = 0;
        for (int i = Math.Min(place.Size, 8) - 1; i >= 0; i--)
            value = value << 8 | bytes[place.Offset + i];
        return value;
    }
}
