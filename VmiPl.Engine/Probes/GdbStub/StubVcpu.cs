using System.Globalization;
using VmiPl.Errors;
using VmiPl.Language.Model;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Probes.Interpreter;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Tracking;
using VmiPl.Symbols;

namespace VmiPl.Probes.GdbStub;

/// <summary>The vCPU whose event is being dealt with, as programs see it: registers are asked for once per stop, and what a program wants done is
/// kept until the event is over. For the driver's thread.</summary>
internal sealed class StubVcpu : IProgramHost, ITrappedVcpu
{
    private const ulong LongModeActive = 1 << 10, UserCode32 = 0x23;

    private readonly StubConnection _connection;
    private readonly StubRegisters _layout;
    private readonly GuestSpaces _spaces;
    private readonly SnapshotMemory _snapshot;
    private readonly Action<StubVcpu, int, ReadOnlySpan<byte>> _emit;
    private readonly ulong[] _values = new ulong[(int)GuestRegister.Cr8 + 1];
    private readonly List<(int Probe, int Body)> _selections = [];
    private VcpuRegisters? _monitor;
    private ulong _efer;
    private (GuestRegister Register, ulong Value)? _written;

    /// <summary>Makes it over a machine's memory. <paramref name="emit"/> takes the records: schema and bytes.</summary>
    public StubVcpu(StubConnection connection, StubRegisters layout, IGuestMemory memory, Action<StubVcpu, int, ReadOnlySpan<byte>> emit)
    {
        _connection = connection;
        _layout = layout;
        _snapshot = new SnapshotMemory(new StubMemory(memory, connection));
        _spaces = new GuestSpaces(_snapshot);
        _emit = emit;
    }

    /// <inheritdoc/>
    public int Vcpu { get; private set; }

    /// <summary>The host's time of the event, UTC.</summary>
    public DateTime Time { get; private set; }

    /// <summary>The probe whose program runs.</summary>
    public StubProbe? Probe { get; private set; }

    /// <summary>Whether the program that ran last has handed out or done anything.</summary>
    public bool HasActed { get; private set; }

    /// <summary>Whether a program of this stop has asked for the machine to be paused.</summary>
    public bool IsPauseWanted { get; private set; }

    /// <summary>What programs of this stop have selected, in their order.</summary>
    public IReadOnlyList<(int Probe, int Body)> Selections => _selections;

    /// <summary>How the vCPU reads code. Programs in compatibility mode run with the selector that Linux gives them (<c>__USER32_CS</c>,
    /// arch/x86/include/asm/segment.h).</summary>
    public CodeMode CodeMode => (_efer & LongModeActive) == 0 || _values[(int)GuestRegister.Cs] == UserCode32 ? CodeMode.Bits32 : CodeMode.Bits64;

    /// <summary>The selections have taken effect.</summary>
    public void ClearSelections() => _selections.Clear();

    /// <summary>The instruction pointer.</summary>
    public ulong InstructionPointer => _values[(int)GuestRegister.Rip];

    /// <summary>The sixteen general registers, in the language's order.</summary>
    public ReadOnlySpan<ulong> General => _values.AsSpan(0, (int)GuestRegister.R15 + 1);

    /// <summary>FS's and GS's bases.</summary>
    public (ulong Fs, ulong Gs) SegmentBases { get; private set; }

    /// <summary>The machine has stopped anew: nothing that was read before holds.</summary>
    public void BeginStop(DateTime time)
    {
        Time = time;
        IsPauseWanted = false;
        _selections.Clear();
        _snapshot.Reset();
        _spaces.Forget();
    }

    /// <summary>Looks at a vCPU of the stopped machine; <paramref name="thread"/> is its thread id for the stub.</summary>
    public void Enter(int vcpu, string thread)
    {
        Vcpu = vcpu;
        _monitor = null;
        _written = null;
        if (!_connection.Demand("Hg" + thread))
            throw new VmiException(VmiErrorCode.MonitorProtocol, $"QEMU's gdbstub does not know its own thread '{thread}'.");
        _layout.Read(_connection.Ask("g"), _values, out _efer, out ulong fs, out ulong gs);
        SegmentBases = (fs, gs);
        if (!_layout.HasControl)
        {
            VcpuRegisters monitor = FromMonitor();
            (_values[(int)GuestRegister.Cr0], _values[(int)GuestRegister.Cr2], _values[(int)GuestRegister.Cr3], _values[(int)GuestRegister.Cr4], _efer) =
                (monitor.Cr0, monitor.Cr2, monitor.Cr3, monitor.Cr4, monitor.Efer);
        }
        PagingMode mode = RootCandidate.ModeOf(_values[(int)GuestRegister.Cr0], _values[(int)GuestRegister.Cr4], _efer);
        _spaces.Enter(mode, _values[(int)GuestRegister.Cr3]);
    }

    /// <summary>A probe's program is about to run. <paramref name="written"/> is the control register that the instruction at hand is about to
    /// write, and its new value: programs see it as written, while memory is still read through the old one.</summary>
    public void Begin(StubProbe probe, (GuestRegister Register, ulong Value)? written)
    {
        Probe = probe;
        HasActed = false;
        _written = written;
    }

    /// <summary>A register's value without what the instruction at hand writes.</summary>
    public ulong Current(GuestRegister register) => _values[(int)register];

    /// <summary>IDTR: base and limit.</summary>
    public (ulong Base, ushort Limit) InterruptTable() => (FromMonitor().IdtBase, FromMonitor().IdtLimit);

    /// <summary>All registers as they are, to tell later whether the vCPU has moved.</summary>
    public ulong[] Snapshot() => [.. _values];

    /// <summary>Moves the vCPU behind an instruction.</summary>
    public void SetInstructionPointer(ulong value)
    {
        if (!_connection.Demand(_layout.SetInstructionPointer(value)))
            throw new VmiException(VmiErrorCode.MonitorProtocol, "QEMU's gdbstub does not let the instruction pointer be set.");
        _values[(int)GuestRegister.Rip] = value;
    }

    /// <inheritdoc/>
    public ulong ReadRegister(int register)
    {
        if (_written is { } written && written.Register == (GuestRegister)register)
            return written.Value;
        return (GuestRegister)register switch
        {
            GuestRegister.Tr => FromMonitor().Tr,
            GuestRegister.Ldtr => FromMonitor().Ldt,
            GuestRegister.Gdtr => FromMonitor().GdtBase,
            GuestRegister.Idtr => FromMonitor().IdtBase,
            _ => (uint)register < (uint)_values.Length ? _values[register] : 0,
        };
    }

    /// <inheritdoc/>
    public int ReadVirtual(ulong address, ulong root, Span<byte> buffer) => _spaces[root].Read(new GuestVirtualAddress(address), buffer);

    /// <inheritdoc/>
    public int ReadPhysical(ulong address, Span<byte> buffer) => _snapshot.Read(new GuestPhysicalAddress(address), buffer);

    /// <inheritdoc/>
    public int WriteVirtual(ulong address, ulong root, ReadOnlySpan<byte> bytes)
    {
        HasActed = true;
        int written = _spaces[root].Write(new GuestVirtualAddress(address), bytes);
        // It may have been a page table.
        _spaces.Forget();
        return written;
    }

    /// <inheritdoc/>
    public ulong Translate(ulong address, ulong root) =>
        _spaces[root].TryTranslate(new GuestVirtualAddress(address), out Translation translation) ? translation.Physical.Value : ulong.MaxValue;

    /// <inheritdoc/>
    /// <remarks>The stub tells nothing of the exit that there was.</remarks>
    public bool TryReadExitField(int field, out ulong value)
    {
        value = 0;
        return false;
    }

    /// <inheritdoc/>
    public void Emit(int schema, ReadOnlySpan<byte> record)
    {
        HasActed = true;
        _emit(this, schema, record);
    }

    /// <inheritdoc/>
    public void Pause()
    {
        HasActed = true;
        IsPauseWanted = true;
    }

    /// <inheritdoc/>
    public void SelectBody(int probe, int body)
    {
        HasActed = true;
        _selections.Add((probe, body));
    }

    /// <summary>The registers that the stub does not show, from the human monitor behind it.</summary>
    private VcpuRegisters FromMonitor()
    {
        if (_monitor is null)
        {
            string text = _connection.HumanCommand("info registers -a") ?? "";
            _monitor = RegisterText.Parse(text, "").FirstOrDefault(registers => registers.Vcpu == Vcpu)
                ?? throw new VmiException(VmiErrorCode.MonitorProtocol, string.Create(CultureInfo.InvariantCulture, $"QEMU does not tell the registers of vCPU {Vcpu}."));
        }
        return _monitor;
    }
}
