using VmiPl.Language.Model;
using VmiPl.Probes.Interpreter;
using VmiPl.Tests.Cases;

namespace VmiPl.Tests.Probes;

/// <summary>The machine that a case describes, and what a program did to it, in the words of a case.</summary>
internal sealed class CaseHost : IProgramHost
{
    private readonly Dictionary<int, ulong> _registers = [];
    private readonly Dictionary<(ulong Root, ulong Address), byte> _memory = [];
    private readonly Dictionary<ulong, byte> _physical = [];
    private readonly Dictionary<(ulong Root, ulong Address), ulong> _translations = [];
    private readonly Dictionary<int, ulong> _exitFields = [];

    public CaseHost(TextCase text)
    {
        foreach (string line in Lines("registers"))
        {
            string[] parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (!Enum.TryParse(parts[0], ignoreCase: true, out GuestRegister register))
                throw new FormatException($"There is no register {parts[0]}.");
            _registers.Add((int)register, CaseText.Number(parts[1]));
        }
        foreach (CaseSection section in text.All("memory"))
        {
            foreach ((ulong address, byte[] bytes) in section.Lines.Select(CaseText.Run))
            {
                for (int i = 0; i < bytes.Length; i++)
                    _memory.Add((Root(section), address + (ulong)i), bytes[i]);
            }
        }
        foreach ((ulong address, byte[] bytes) in Lines("physical").Select(CaseText.Run))
        {
            for (int i = 0; i < bytes.Length; i++)
                _physical.Add(address + (ulong)i, bytes[i]);
        }
        foreach (CaseSection section in text.All("translations"))
        {
            foreach ((ulong from, string to) in section.Lines.Select(CaseText.Pair))
                _translations.Add((Root(section), from), CaseText.Number(to));
        }
        foreach (string line in Lines("exit-fields"))
        {
            string[] parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            _exitFields.Add((int)CaseText.Number(parts[0]), CaseText.Number(parts[1]));
        }
        Vcpu = text.Find("vcpu") is { } vcpu ? (int)CaseText.Number(vcpu.Argument) : 0;

        IEnumerable<string> Lines(string kind) => text.Find(kind)?.Lines ?? [];
    }

    /// <summary>Bit n for each register n that the case lists.</summary>
    public ulong RegisterMask => _registers.Keys.Aggregate(0UL, (mask, id) => mask | (1UL << id));

    public List<(ulong Schema, byte[] Bytes)> Records { get; } = [];

    public List<(ulong Root, ulong Address, byte[] Bytes)> Writes { get; } = [];

    public List<string> Effects { get; } = [];

    public int Vcpu { get; }

    public static ulong Root(CaseSection section) => section.Argument.Length == 0 ? 0 : CaseText.Number(section.Argument);

    public ulong ReadRegister(int register) => _registers[register];

    public int ReadVirtual(ulong address, ulong root, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length && _memory.TryGetValue((root, address + (ulong)done), out byte value))
            buffer[done++] = value;
        return done;
    }

    public int ReadPhysical(ulong address, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length && _physical.TryGetValue(address + (ulong)done, out byte value))
            buffer[done++] = value;
        return done;
    }

    public int WriteVirtual(ulong address, ulong root, ReadOnlySpan<byte> bytes)
    {
        int done = 0;
        while (done < bytes.Length && _memory.ContainsKey((root, address + (ulong)done)))
        {
            _memory[(root, address + (ulong)done)] = bytes[done];
            done++;
        }
        if (done > 0)
            Writes.Add((root, address, bytes[..done].ToArray()));
        return done;
    }

    public ulong Translate(ulong address, ulong root) => _translations.GetValueOrDefault((root, address), ulong.MaxValue);

    public bool TryReadExitField(int field, out ulong value) => _exitFields.TryGetValue(field, out value);

    public void Emit(int schema, ReadOnlySpan<byte> record) => Records.Add(((ulong)schema, record.ToArray()));

    public void Pause() => Effects.Add("pause");

    public void SelectBody(int probe, int body) => Effects.Add($"body {probe} {body}");
}
