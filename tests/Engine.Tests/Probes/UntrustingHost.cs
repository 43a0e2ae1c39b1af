using VmiPl.Probes.Interpreter;

namespace VmiPl.Tests.Probes;

/// <summary>A host that looks whether each span that it is given lies in the memory of the interpreter that runs, fills what it may
/// fill, and now and then says a count that cannot be.</summary>
internal sealed class UntrustingHost : IProgramHost
{
    private int _calls;

    public ProbeInterpreter? Interpreter { get; set; }

    /// <summary>Calls that had a span.</summary>
    public long Spans { get; private set; }

    /// <summary>Bytes of all spans.</summary>
    public long Bytes { get; private set; }

    /// <summary>What the first span was that did not lie in program memory, or null.</summary>
    public string? Breach { get; private set; }

    public int Vcpu => 1;

    public ulong ReadRegister(int register)
    {
        if (register is < 0 or > 32)
            Breach ??= $"register {register}";
        return (ulong)register * 0x0101_0101_0101_0101;
    }

    public int ReadVirtual(ulong address, ulong root, Span<byte> buffer)
    {
        Look(buffer);
        buffer.Fill((byte)(address % 3));
        return Count(buffer.Length);
    }

    public int ReadPhysical(ulong address, Span<byte> buffer)
    {
        Look(buffer);
        buffer.Fill((byte)address);
        return Count(buffer.Length);
    }

    public int WriteVirtual(ulong address, ulong root, ReadOnlySpan<byte> bytes)
    {
        Look(bytes);
        return Count(bytes.Length);
    }

    public ulong Translate(ulong address, ulong root) => address * 3;

    public bool TryReadExitField(int field, out ulong value)
    {
        value = (ulong)field;
        return field >= 0;
    }

    public void Emit(int schema, ReadOnlySpan<byte> record)
    {
        if (schema is < 0 or > 2)
            Breach ??= $"schema {schema}";
        Look(record);
    }

    public void Pause()
    {
    }

    public void SelectBody(int probe, int body)
    {
        if (probe < 0 || body < 0)
            Breach ??= $"probe {probe}, body {body}";
    }

    private void Look(ReadOnlySpan<byte> bytes)
    {
        Spans++;
        Bytes += bytes.Length;
        ReadOnlySpan<byte> memory = Interpreter!.Memory;
        if (!bytes.IsEmpty && (!memory.Overlaps(bytes, out int at) || at < 0 || at + bytes.Length > memory.Length))
            Breach ??= $"{bytes.Length} bytes outside of program memory";
    }

    private int Count(int length) => (++_calls % 16) switch { 0 => int.MaxValue, 1 => int.MinValue, 2 => length / 2, _ => length };
}
