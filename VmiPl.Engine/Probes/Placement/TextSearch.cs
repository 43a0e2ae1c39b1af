using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Probes.Placement;

/// <summary>One search over the code of a kernel: what it found so far, and how much more code it may read.</summary>
internal sealed class TextSearch(LinuxGuest guest, PrivilegedWrite kinds, CancellationToken cancel)
{
    private readonly List<InstructionPlace> _places = [];
    private readonly List<UnsearchedText> _unsearched = [];
    // Page tables are asked for often, so they come through a snapshot; code is read once, in pieces as large as its pages.
    private readonly AddressSpace _structures = guest.OpenKernelSpace();
    private readonly AddressSpace _code = guest.Profile.Location.OpenSpace(guest.Machine.GetMemory());
    private long _bytesLeft = guest.Machine.Limits.MaxKernelImageBytes;

    private KernelProfile Profile => guest.Profile;

    public InstructionSearch Result() =>
        new([.. _places.OrderBy(place => place.Address).DistinctBy(place => place.Address)], [.. _unsearched]);

    public void Kernel()
    {
        KernelLocation location = Profile.Location;
        ulong first = Symbol("_text") ?? Symbol("_stext") ?? location.ImageStart.Value;
        ulong end = Symbol("_etext") ?? location.ImageStart.Value + location.ImageLength;
        foreach ((ulong start, ulong behind) in WithoutInit(first, end))
            Search(null, start, behind - start, Profile.Symbols.Enumerate());
    }

    public void Modules()
    {
        try
        {
            foreach (ModuleList.Found found in ModuleList.Read(Profile, _structures, guest.Machine.Name, guest.Machine.Limits))
                Module(found);
        }
        catch (VmiException e) when (e.Code is VmiErrorCode.ProfileIncomplete or VmiErrorCode.GuestDataInvalid or VmiErrorCode.LimitExceeded)
        {
            NotSearched(null, 0, e.Message);
        }
    }

    public void Module(ulong module)
    {
        try
        {
            Module(ModuleList.At(Profile, _structures, guest.Machine.Name, module));
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.ProfileIncomplete)
        {
            NotSearched(null, module, e.Message);
        }
    }

    private void Module(ModuleList.Found found)
    {
        (ulong start, uint length) = ModuleLayout.From(Profile).Text(_structures, found.Address);
        var symbols = new List<VmiSymbol>();
        bool known;
        try
        {
            known = ModuleSymbols.Read(Profile, _structures, found, symbols, guest.Machine.Limits);
        }
        catch (VmiException e) when (e.Code == VmiErrorCode.LimitExceeded)
        {
            known = false;
        }
        if (!known)
            NotSearched(found.Module.Name, found.Module.BaseAddress, "its symbols cannot be read: where its functions begin is not known");
        else if (start == 0)
            NotSearched(found.Module.Name, found.Module.BaseAddress, "where its code lies is not known");
        else
            Search(found.Module.Name, start, length, symbols);
    }

    /// <summary>Searches one run of code.</summary>
    private void Search(string? module, ulong start, ulong length, IEnumerable<VmiSymbol> symbols)
    {
        if (length > (ulong)_bytesLeft || length > int.MaxValue || start + length < start)
        {
            NotSearched(module, start, $"its code of {length} bytes is more than may be searched");
            return;
        }
        _bytesLeft -= (long)length;
        var functions = new FunctionStarts(symbols, start, start + length);
        ulong searched = start;
        foreach (TextPiece piece in TextPiece.Read(_code, start, (int)length))
        {
            Gap(searched, piece.Start);
            Search(module, piece, functions);
            searched = piece.End;
        }
        Gap(searched, start + length);

        void Gap(ulong from, ulong to)
        {
            if (from < to)
                NotSearched(module, from, $"{to - from} bytes of its code cannot be read");
        }
    }

    private void Search(string? module, TextPiece piece, FunctionStarts functions)
    {
        var decoder = new PrivilegedDecoder(piece, functions, module, Profile.PointerSize == 8, kinds);
        int last = -1;
        ulong decoded = 0;
        foreach (int at in PrivilegedPatterns.Find(piece.Bytes, kinds).Order())
        {
            cancel.ThrowIfCancellationRequested();
            ulong address = piece.Start + (ulong)at;
            int function = functions.IndexOf(address);
            if (function >= 0 && function != last && functions[function] >= piece.Start)
            {
                decoded = decoder.Decode(function, _places);
                last = function;
            }
            if (function < 0 || function != last || address >= decoded)
                NotSearched(module, address, "what looks like a privileged write cannot be reached by decoding from the start of a function", function < 0 ? null : functions.NameOf(function, address));
        }
    }

    /// <summary>The parts of the kernel's code that are not init code: the kernel gives that memory away at the end of its boot, and what is found
    /// there later is stale, or other content.</summary>
    private IEnumerable<(ulong Start, ulong End)> WithoutInit(ulong first, ulong end)
    {
        (ulong Start, ulong End)[] init = [.. new[] { (Symbol("__init_begin"), Symbol("__init_end")), (Symbol("_sinittext"), Symbol("_einittext")) }
            .Where(range => range.Item1 < range.Item2).Select(range => (range.Item1!.Value, range.Item2!.Value)).Order()];
        foreach ((ulong start, ulong behind) in init)
        {
            if (first < Math.Min(start, end))
                yield return (first, Math.Min(start, end));
            first = Math.Max(first, behind);
        }
        if (first < end)
            yield return (first, end);
    }

    private void NotSearched(string? module, ulong address, string reason, string? name = null) =>
        _unsearched.Add(new UnsearchedText(module, new NamedAddress(address, name), reason));

    private ulong? Symbol(string name) => Profile.TryGetSymbol(name, out GuestVirtualAddress address) ? address.Value : null;
}
