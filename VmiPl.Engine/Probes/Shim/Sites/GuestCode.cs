using Iced.Intel;
using VmiPl.Linux;
using VmiPl.Memory;
using VmiPl.Probes.Placement;
using VmiPl.Symbols;

namespace VmiPl.Probes.Shim.Sites;

/// <summary>The code of a guest's kernel and modules as it is without our traps, and where its functions begin. For one thread.</summary>
internal sealed class GuestCode
{
    /// <summary>Bytes of the longest function that is decoded; longer ones are rare, and are not looked into further.</summary>
    public const int MaxFunctionBytes = 64 * 1024;

    private readonly LinuxGuest _guest;
    private readonly FunctionStarts _kernel;
    private readonly ulong _textStart, _textEnd;
    private FunctionStarts? _modules;
    private AddressSpace _space;
    private IReadOnlyList<(ulong Address, byte[] Original)> _changed = [];

    /// <summary>Takes the kernel's symbols; nothing else is read before it is needed.</summary>
    public GuestCode(LinuxGuest guest)
    {
        _guest = guest;
        KernelLocation location = guest.Profile.Location;
        _textStart = Symbol("_text") ?? Symbol("_stext") ?? location.ImageStart.Value;
        _textEnd = Symbol("_etext") ?? location.ImageStart.Value + location.ImageLength;
        _kernel = new FunctionStarts(guest.Profile.Symbols.Enumerate(), _textStart, _textEnd);
        // Code that page-table isolation keeps mapped while processes run; nothing is known of it where these are missing.
        EntryStart = Symbol("__entry_text_start") ?? 0;
        EntryEnd = Symbol("__entry_text_end") ?? 0;
        _space = guest.OpenKernelSpace();
    }

    /// <summary>Where the entry code lies; both 0 where that is not known.</summary>
    public ulong EntryStart { get; }

    /// <inheritdoc cref="EntryStart"/>
    public ulong EntryEnd { get; }

    /// <summary>How the kernel's code is read.</summary>
    public CodeMode Mode => _guest.Profile.PointerSize == 8 ? CodeMode.Bits64 : CodeMode.Bits32;

    /// <summary>Whether an address lies in the entry code.</summary>
    public bool IsEntry(ulong address) => address >= EntryStart && address < EntryEnd;

    /// <summary>Whether an address lies in code of the kernel that stays where it is.</summary>
    public bool IsKernel(ulong address) => address >= _textStart && address < _textEnd && !IsInit(address);

    /// <summary>Looks at the guest anew. <paramref name="changed"/> is what stands in its code that is ours, and what would stand there without.</summary>
    public void Refresh(IReadOnlyList<(ulong Address, byte[] Original)> changed, bool modulesToo)
    {
        _changed = changed;
        _space = _guest.OpenKernelSpace();
        if (modulesToo)
            _modules = null;
    }

    /// <summary>Reads code; the number of bytes before the first that is not mapped.</summary>
    public int Read(ulong address, Span<byte> buffer)
    {
        int got = _space.Read(new GuestVirtualAddress(address), buffer);
        foreach ((ulong at, byte[] original) in _changed)
        {
            for (int i = 0; i < original.Length; i++)
            {
                ulong offset = at + (ulong)i - address;
                if (offset < (ulong)got)
                    buffer[(int)offset] = original[i];
            }
        }
        return got;
    }

    /// <summary>The guest-physical address of <paramref name="length"/> bytes, or null where they are not mapped or do not lie in one run.</summary>
    public ulong? Physical(ulong address, int length) =>
        _space.TryTranslate(new GuestVirtualAddress(address), out Translation first)
        && _space.TryTranslate(new GuestVirtualAddress(address + (ulong)length - 1), out Translation last)
        && last.Physical.Value - first.Physical.Value == (ulong)length - 1
            ? first.Physical.Value : null;

    /// <summary>The function that an address is part of, or null.</summary>
    public CodeFunction? FunctionOf(ulong address)
    {
        bool isKernel = IsKernel(address);
        FunctionStarts starts = isKernel ? _kernel : Modules();
        int index = starts.IndexOf(address);
        return index >= 0 && address - starts[index] < MaxFunctionBytes ? At(starts, index, isModule: !isKernel) : null;
    }

    /// <summary>Functions of the kernel beside an address, the nearest first: <paramref name="most"/> on each side; for an address in a module, those that the kernel's
    /// code begins with.</summary>
    public IEnumerable<CodeFunction> Beside(ulong address, int most)
    {
        int middle = IsKernel(address) ? Math.Max(0, _kernel.IndexOf(address)) : 0;
        for (int i = 0; i <= most; i++)
        {
            if (middle + i < _kernel.Count)
                yield return At(_kernel, middle + i, isModule: false);
            if (i > 0 && middle - i >= 0)
                yield return At(_kernel, middle - i, isModule: false);
        }
    }

    /// <summary>Decodes a function from its start on: the instructions that are certain.</summary>
    public IEnumerable<CodeInstruction> Decode(CodeFunction function)
    {
        byte[] code = new byte[(int)Math.Min(function.End - function.Start, MaxFunctionBytes)];
        int length = Read(function.Start, code);
        var reader = new ByteArrayCodeReader(code, 0, length);
        Decoder decoder = Decoder.Create((int)Mode, reader);
        decoder.IP = function.Start;
        for (int at = 0; at < length;)
        {
            decoder.Decode(out Instruction instruction);
            int bytes = instruction.Length;
            bool isImmediateMsr = instruction.IsInvalid && Mode == CodeMode.Bits64 && ImmediateMsr.TryDecode(code.AsSpan(at, length - at), out _);
            if (instruction.IsInvalid && !isImmediateMsr)
                yield break;
            if (isImmediateMsr)
            {
                bytes = ImmediateMsr.Length;
                reader.Position = at + bytes;
                decoder.IP = function.Start + (ulong)(at + bytes);
            }
            yield return new CodeInstruction(function.Start + (ulong)at, instruction, code[at..(at + bytes)], isImmediateMsr);
            at += bytes;
        }
    }

    /// <summary>The instruction at an address that is certain to be one; null where decoding from the start of its function does not come there.</summary>
    public CodeInstruction? Prove(ulong address)
    {
        if (FunctionOf(address) is not { } function)
            return null;
        foreach (CodeInstruction instruction in Decode(function))
        {
            if (instruction.Address == address)
                return instruction;
            if (instruction.Address > address)
                break;
        }
        return null;
    }

    private static CodeFunction At(FunctionStarts starts, int index, bool isModule)
    {
        ulong start = starts[index];
        return new CodeFunction(start, index + 1 < starts.Count ? starts[index + 1] : start + MaxFunctionBytes, starts.NameOf(index, start), isModule);
    }

    private FunctionStarts Modules() => _modules ??= new FunctionStarts(_guest.Symbols().Enumerate().Where(symbol => symbol.Module is not null), 0, ulong.MaxValue);

    private bool IsInit(ulong address) =>
        (address >= (Symbol("__init_begin") ?? ulong.MaxValue) && address < (Symbol("__init_end") ?? 0))
        || (address >= (Symbol("_sinittext") ?? ulong.MaxValue) && address < (Symbol("_einittext") ?? 0));

    private ulong? Symbol(string name) => _guest.Profile.TryGetSymbol(name, out GuestVirtualAddress address) ? address.Value : null;
}
