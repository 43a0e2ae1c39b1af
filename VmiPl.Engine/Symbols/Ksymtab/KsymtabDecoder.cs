using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols.Inference;

namespace VmiPl.Symbols.Ksymtab;

/// <summary>Finds and decodes a kernel's table of exported symbols (<c>__ksymtab</c>, <c>__ksymtab_gpl</c>): from the name of a
/// symbol that every kernel exports to the record that refers to it, and on from there in both directions.</summary>
public static class KsymtabDecoder
{
    private const int MinRecords = 8, MaxNameBytes = 512, MaxPlaces = 64, MaxReads = 4_000_000;
    private const ulong PerCpuLimit = 16 * 1024 * 1024;

    /// <summary>The exported symbols, or null where no table is found. Never throws for what the guest holds.</summary>
    public static KsymtabTable? Find(AddressSpace kernel, KernelLocation location, VmiLimits limits)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        ArgumentNullException.ThrowIfNull(location);
        ArgumentNullException.ThrowIfNull(limits);
        try
        {
            var reader = new KernelReader(new AddressSpace(new SnapshotMemory(kernel.Memory), kernel.Mode, kernel.Root), location, MaxReads);
            return Find(reader, ImageFindings.FindExportNames(kernel, location, limits), limits);
        }
        catch (VmiException exception) when (exception.Code == VmiErrorCode.LimitExceeded)
        {
            return null; // page tables that describe more than there can be
        }
    }

    /// <summary>As the other, with the places known at which <c>init_task</c> stands as a name.</summary>
    internal static KsymtabTable? Find(KernelReader reader, IReadOnlyList<ulong> names, VmiLimits limits)
    {
        List<VmiSymbol>? best = null;
        foreach ((ulong nameField, bool isRelative) in FindReferences(reader, names, limits))
        {
            foreach (KsymtabRecord record in KsymtabRecord.All(reader.PointerSize))
            {
                if (record.IsRelative != isRelative)
                    continue;
                List<VmiSymbol> symbols = Extend(reader, record, nameField - (ulong)record.FieldBytes, limits.MaxSymbols);
                if (symbols.Count >= MinRecords && symbols.Count > (best?.Count ?? 0))
                    best = symbols;
            }
        }
        return best is null ? null : new KsymtabTable(best);
    }

    private static List<(ulong Field, bool IsRelative)> FindReferences(KernelReader reader, IReadOnlyList<ulong> names, VmiLimits limits)
    {
        var found = new List<(ulong, bool)>();
        if (names.Count == 0)
            return found;
        // The table lies among the constants; where those can be written as well, the kernel protects nothing.
        foreach (bool wanted in (ReadOnlySpan<bool>)[false, true])
        {
            ImageScan.Run(reader.Space, reader.Location, limits, (address, bytes, writable) =>
            {
                if (writable != wanted)
                    return;
                foreach (ulong name in names)
                {
                    AddRelative(found, address, bytes, name);
                    AddAbsolute(found, address, bytes, name, reader.PointerSize);
                }
            });
            if (found.Count > 0)
                break;
        }
        return found;
    }

    private static void AddRelative(List<(ulong, bool)> found, ulong address, ReadOnlySpan<byte> bytes, ulong name)
    {
        ReadOnlySpan<int> words = MemoryMarshal.Cast<byte, int>(bytes);
        int distance = (int)(name - address);
        for (int i = 0; i < words.Length; i++)
        {
            // In 64 bits the distance must fit; the wrapped ones are sorted out when the record is decoded.
            if (words[i] == distance - i * sizeof(int) && found.Count < MaxPlaces)
                found.Add((address + (ulong)i * sizeof(int), true));
        }
    }

    private static void AddAbsolute(List<(ulong, bool)> found, ulong address, ReadOnlySpan<byte> bytes, ulong name, int pointerSize)
    {
        Span<byte> pattern = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(pattern, name);
        pattern = pattern[..pointerSize];
        for (int from = 0, at; (at = bytes[from..].IndexOf(pattern)) >= 0 && found.Count < MaxPlaces; from += at + 1)
        {
            if ((from + at) % pointerSize == 0)
                found.Add((address + (ulong)(from + at), false));
        }
    }

    private static List<VmiSymbol> Extend(KernelReader reader, KsymtabRecord record, ulong start, int maxSymbols)
    {
        var symbols = new List<VmiSymbol>();
        for (ulong at = start; symbols.Count < maxSymbols && Decode(reader, record, at) is { } symbol; at += (ulong)record.Bytes)
            symbols.Add(symbol);
        for (ulong at = start - (ulong)record.Bytes; symbols.Count < maxSymbols && Decode(reader, record, at) is { } symbol; at -= (ulong)record.Bytes)
            symbols.Add(symbol);
        return symbols;
    }

    private static VmiSymbol? Decode(KernelReader reader, KsymtabRecord record, ulong address)
    {
        Span<byte> body = stackalloc byte[24];
        body = body[..record.Bytes];
        if (!reader.IsInImage(address) || reader.Read(address, body) != body.Length)
            return null;
        int field = record.FieldBytes;
        ulong value = record.Decode(body, address);
        ulong name = record.Decode(body[field..], address + (ulong)field);
        if (!reader.IsInImage(name) || (!reader.IsInImage(value) && value > PerCpuLimit))
            return null;
        if (record.Words == 3)
        {
            ulong space = record.Decode(body[(2 * field)..], address + (ulong)(2 * field));
            // No namespace is a null pointer, a distance of 0, or the empty string.
            if (space != 0 && !(record.IsRelative && space == address + (ulong)(2 * field)) && !reader.IsInImage(space))
                return null;
        }
        return ReadName(reader, name) is { } text ? new VmiSymbol(text, value, TypeOf(reader, value), null) : null;
    }

    private static string? ReadName(KernelReader reader, ulong address)
    {
        Span<byte> bytes = stackalloc byte[MaxNameBytes];
        // Nearly all fit the short piece.
        foreach (int length in (ReadOnlySpan<int>)[64, MaxNameBytes])
        {
            int got = reader.Read(address, bytes[..length]);
            int nul = bytes[..got].IndexOf((byte)0);
            if (nul < 0)
                continue;
            ReadOnlySpan<byte> name = bytes[..nul];
            foreach (byte letter in name)
            {
                if (!char.IsAsciiLetterOrDigit((char)letter) && letter is not ((byte)'_' or (byte)'.' or (byte)'$'))
                    return null;
            }
            return name.IsEmpty || char.IsAsciiDigit((char)name[0]) ? null : Encoding.ASCII.GetString(name);
        }
        return null;
    }

    private static char TypeOf(KernelReader reader, ulong value) =>
        !reader.Space.TryTranslate(new GuestVirtualAddress(value), out Translation found) ? 'A'
        : found.Writable ? 'D' : found.Executable ? 'T' : 'R';
}
