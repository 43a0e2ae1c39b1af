using System.Buffers.Binary;
using VmiPl.Memory;

namespace VmiPl.Symbols.Inference;

/// <summary>Where <c>struct module</c> keeps its list node, its name and what memory the module has.
/// <para>A module's descriptor lies in the module's own memory: a page-aligned base with a size that encloses the descriptor
/// itself is <c>core_layout</c> where that memory begins with code (up to 6.3), or the second element of <c>mem[]</c>, the data,
/// where it does not (from 6.4 on); then the code's stands right before it and the read-only data's right behind.</para>
/// <para>Kernels of before 6.4 tell their modules' exports, too; of later ones, whose modules lie in several pieces, the letters in
/// <c>/proc/kallsyms</c> come from their own types.</para></summary>
internal static class ModuleInference
{
    private const int ModuleBytes = 1024, MaxStride = 128, MaxModuleSize = 256 * 1024 * 1024;

    public static void Infer(KernelReader reader, ModuleRing ring, LayoutBuilder layout)
    {
        int size = reader.PointerSize;
        layout.Symbol("modules", ring.Head);
        layout.Offset("module.list", size);
        layout.Offset("module.name", 3 * size);
        byte[][] bodies = new byte[ring.Nodes.Count][];
        ulong[] bases = new ulong[ring.Nodes.Count];
        for (int i = 0; i < bodies.Length; i++)
        {
            bases[i] = ring.Nodes[i] - (ulong)size;
            bodies[i] = new byte[ModuleBytes];
            if (reader.Read(bases[i], bodies[i]) != ModuleBytes)
                return;
        }
        // The size follows the base at once, or (from 6.13 on) behind a flag, or behind another pointer and a flag.
        var enclosing = new List<(int Base, int Size)>();
        foreach (int sizeAt in (int[])[size, size + 4, 2 * size, 2 * size + 4])
        {
            for (int at = 4 * size; at + sizeAt + sizeof(uint) <= ModuleBytes; at += size)
            {
                int offset = at;
                if (All(bases.Length, i => Encloses(reader, bodies[i], offset, sizeAt, bases[i])))
                    enclosing.Add((offset, sizeAt));
            }
        }
        if (enclosing.Distinct().Count() != 1)
            return;
        (int own, int length) = enclosing[0];
        if (FindStride(reader, bodies, own, length) is { } stride)
        {
            layout.Offset("module.mem", own - stride);
            layout.Offset("module_memory.base", 0);
            layout.Offset("module_memory.size", length);
            layout.Offset("sizeof module_memory", stride);
            ModuleSymbolInference.Infer(reader, bodies, [.. bodies.Select(body => Area(reader, body, own - stride, length))], layout);
        }
        else if (length == size && All(bases.Length, i => IsReadOnly(reader, reader.PointerAt(bodies[i], own))))
        {
            layout.Offset("module.core_layout.base", own);
            layout.Offset("module.core_layout.size", own + size);
            if (FindLayoutSize(reader, bodies, bases, own) is { } layoutSize)
                layout.Offset("module.init_layout.size", own + layoutSize + size);
            (ulong, ulong)[] memory = [.. bodies.Select(body => Area(reader, body, own, size))];
            // The code comes first, then what else is read-only; each ends with a page, as its protection does.
            int text = own + size + sizeof(uint);
            if (text + 2 * sizeof(uint) <= ModuleBytes && All(bodies.Length, i => IsText(UInt32(bodies[i], text), UInt32(bodies[i], text + sizeof(uint)), UInt32(bodies[i], own + size))))
            {
                layout.Offset("module.core_layout.text_size", text);
                ModuleSymbolInference.Infer(reader, bodies, [.. bodies.Select(body => Area(reader, body, own, text - own))], layout);
            }
            ModuleExportInference.Infer(reader, bodies, memory, layout);
        }
    }

    private static (ulong Start, ulong Length) Area(KernelReader reader, byte[] body, int at, int sizeAt) =>
        (reader.PointerAt(body, at), UInt32(body, at + sizeAt));

    private static bool IsText(uint text, uint readOnly, uint all) => (text & 0xFFF) == 0 && text <= readOnly && readOnly <= all;

    private static bool Encloses(KernelReader reader, byte[] body, int at, int sizeAt, ulong module)
    {
        ulong start = reader.PointerAt(body, at);
        uint length = UInt32(body, at + sizeAt);
        return (start & 0xFFF) == 0 && start != 0 && length is > 0 and <= MaxModuleSize && module - start < length;
    }

    // mem[MOD_TEXT], mem[MOD_DATA], mem[MOD_RODATA]: code and constants are write-protected, data is not.
    private static int? FindStride(KernelReader reader, byte[][] bodies, int data, int sizeAt)
    {
        int? found = null;
        for (int stride = 2 * reader.PointerSize; stride <= MaxStride && data - stride >= 4 * reader.PointerSize; stride += reader.PointerSize)
        {
            int distance = stride;
            if (!All(bodies.Length, i => !IsReadOnly(reader, reader.PointerAt(bodies[i], data))
                && IsPiece(reader, bodies[i], data - distance, sizeAt) && IsPiece(reader, bodies[i], data + distance, sizeAt)))
                continue;
            if (found is not null)
                return null;
            found = distance;
        }
        return found;
    }

    private static bool IsPiece(KernelReader reader, byte[] body, int at, int sizeAt)
    {
        ulong start = reader.PointerAt(body, at);
        uint length = at + sizeAt + sizeof(uint) <= body.Length ? UInt32(body, at + sizeAt) : 0;
        return start != 0 && (start & 0xFFF) == 0 && length is > 0 and <= MaxModuleSize && IsReadOnly(reader, start);
    }

    private static bool IsReadOnly(KernelReader reader, ulong address) =>
        reader.IsKernel(address) && reader.Space.TryTranslate(new GuestVirtualAddress(address), out Translation found) && !found.Writable;

    // Both layouts end with a tree node that begins with a pointer back to the module; the second's is as far behind the
    // first's as one layout is long. A module with no initialisation code has none in the second.
    private static int? FindLayoutSize(KernelReader reader, byte[][] bodies, ulong[] bases, int core)
    {
        int size = reader.PointerSize;
        int? found = null;
        for (int i = 0; i < bodies.Length; i++)
        {
            int first = FindSelf(reader, bodies[i], bases[i], core + 2 * size, core + MaxStride);
            int second = first < 0 ? -1 : FindSelf(reader, bodies[i], bases[i], first + size, first + MaxStride);
            if (second < 0)
                continue;
            if (found is not null && found != second - first)
                return null;
            found = second - first;
        }
        return found;
    }

    private static int FindSelf(KernelReader reader, byte[] body, ulong module, int from, int to)
    {
        for (int at = from; at <= to && at + reader.PointerSize <= body.Length; at += reader.PointerSize)
        {
            if (reader.PointerAt(body, at) == module)
                return at;
        }
        return -1;
    }

    private static bool All(int count, Func<int, bool> holds)
    {
        for (int i = 0; i < count; i++)
        {
            if (!holds(i))
                return false;
        }
        return count > 0;
    }

    private static uint UInt32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
