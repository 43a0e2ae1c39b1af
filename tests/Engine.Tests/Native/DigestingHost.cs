using VmiPl.Probes.Interpreter;

namespace VmiPl.Tests.Native;

/// <summary>A host that answers from what it is asked alone, now and then with a count that cannot be, and keeps a digest of all that it was
/// asked: two that were asked the same have the same.</summary>
internal sealed class DigestingHost : IProgramHost
{
    private int _calls;

    /// <summary>Of every call with its arguments and bytes, in order.</summary>
    public ulong Digest { get; private set; }

    public int Vcpu
    {
        get
        {
            Take(1);
            return 5;
        }
    }

    public ulong ReadRegister(int register)
    {
        Take(2, (ulong)register);
        return (ulong)register * 0x0101_0101_0101_0101;
    }

    public int ReadVirtual(ulong address, ulong root, Span<byte> buffer)
    {
        Take(3, address, root, (ulong)buffer.Length);
        return Fill(address ^ root, buffer);
    }

    public int ReadPhysical(ulong address, Span<byte> buffer)
    {
        Take(4, address, (ulong)buffer.Length);
        return Fill(address, buffer);
    }

    public int WriteVirtual(ulong address, ulong root, ReadOnlySpan<byte> bytes)
    {
        Take(5, address, root);
        TakeBytes(bytes);
        return Count(bytes.Length);
    }

    public ulong Translate(ulong address, ulong root)
    {
        Take(6, address, root);
        return (address * 3) + root;
    }

    public bool TryReadExitField(int field, out ulong value)
    {
        Take(7, (ulong)field);
        value = (ulong)field * 7;
        return field % 2 == 0;
    }

    public void Emit(int schema, ReadOnlySpan<byte> record)
    {
        Take(8, (ulong)schema);
        TakeBytes(record);
    }

    public void Pause() => Take(9);

    public void SelectBody(int probe, int body) => Take(10, (ulong)probe, (ulong)body);

    private int Fill(ulong address, Span<byte> buffer)
    {
        for (int i = 0; i < buffer.Length; i++)
            buffer[i] = (byte)((address + (ulong)i) % 5);
        return Count(buffer.Length);
    }

    private int Count(int length) => (++_calls % 8) switch { 0 => int.MaxValue, 1 => int.MinValue, 2 => length / 2, _ => length };

    // FNV-1a, in words.
    private void Take(params ReadOnlySpan<ulong> values)
    {
        foreach (ulong value in values)
            Digest = (Digest ^ value) * 0x100_0000_01B3;
    }

    private void TakeBytes(ReadOnlySpan<byte> bytes)
    {
        Take((ulong)bytes.Length);
        foreach (byte value in bytes)
            Take(value);
    }
}
