using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>Where a <c>struct module</c> keeps its name and its memory: one area per kind of content since kernel 6.4
/// (<c>mem[]</c>), a core and an init area before (<c>core_layout</c>, <c>module_core</c>).</summary>
internal sealed class ModuleLayout
{
    private readonly int _memory, _memorySize, _memoryCount, _memoryBase, _memoryLength;
    private readonly int _coreBase, _coreSize, _coreText, _initSize, _dataSize;

    private ModuleLayout(KernelProfile profile, ulong head, int list, int name)
    {
        Head = head;
        List = list;
        Name = name;
        _memory = TaskLayout.Find(profile, "module", "mem");
        _memoryBase = TaskLayout.Find(profile, "module_memory", "base");
        _memoryLength = TaskLayout.Find(profile, "module_memory", "size");
        _memorySize = profile.TryGetSize("module_memory", out int one) ? one : 0;
        _memoryCount = MemoryCount(profile, _memorySize);
        _coreBase = TaskLayout.Find(profile, "module", "core_layout.base", "module_core");
        _coreSize = TaskLayout.Find(profile, "module", "core_layout.size", "core_size");
        _coreText = TaskLayout.Find(profile, "module", "core_layout.text_size", "core_text_size");
        _initSize = TaskLayout.Find(profile, "module", "init_layout.size", "init_size");
        _dataSize = TaskLayout.Find(profile, "module", "data_layout.size");
    }

    /// <summary>Address of the list's head.</summary>
    public ulong Head { get; }

    /// <summary>Offset of the list link.</summary>
    public int List { get; }

    /// <summary>Offset of the name's first byte.</summary>
    public int Name { get; }

    public static ModuleLayout From(KernelProfile profile)
    {
        int list = TaskLayout.Find(profile, "module", "list"), name = TaskLayout.Find(profile, "module", "name");
        if (!profile.TryGetSymbol("modules", out GuestVirtualAddress head) || list == TaskLayout.Missing || name == TaskLayout.Missing)
        {
            throw new VmiException(VmiErrorCode.ProfileIncomplete,
                $"The guest's kernel {profile.Release} does not tell where its module list is.", profile.Release);
        }
        return new ModuleLayout(profile, head.Value, list, name);
    }

    /// <summary>Base of the text and size of all areas, in bytes; zeros where they cannot be read.</summary>
    public (ulong Start, ulong Size) Extent(AddressSpace kernel, ulong module)
    {
        if (_memory != TaskLayout.Missing && _memoryBase != TaskLayout.Missing && _memoryLength != TaskLayout.Missing && _memorySize > 0)
        {
            ulong total = 0;
            for (int i = 0; i < _memoryCount; i++)
                total += UInt32(kernel, module, _memory + i * _memorySize + _memoryLength);
            return (Pointer(kernel, module, _memory + _memoryBase), total);
        }
        return (Pointer(kernel, module, _coreBase),
            (ulong)UInt32(kernel, module, _coreSize) + UInt32(kernel, module, _initSize) + UInt32(kernel, module, _dataSize));
    }

    /// <summary>Base and bytes of the code that stays after the module's init function has run; zeros where they cannot be read.</summary>
    public (ulong Start, uint Length) Text(AddressSpace kernel, ulong module) =>
        _memory != TaskLayout.Missing && _memoryBase != TaskLayout.Missing && _memoryLength != TaskLayout.Missing
            // MOD_TEXT is the first kind.
            ? (Pointer(kernel, module, _memory + _memoryBase), UInt32(kernel, module, _memory + _memoryLength))
            : (Pointer(kernel, module, _coreBase), UInt32(kernel, module, _coreText));

    private static int MemoryCount(KernelProfile profile, int size)
    {
        const int Kinds = 7;   // MOD_MEM_NUM_TYPES of include/linux/module.h
        if (size <= 0 || profile.Types is null || !profile.Types.TryGetMemberSize("module", "mem", out int bytes))
            return Kinds;
        return Math.Clamp(bytes / size, 1, 64);
    }

    private static ulong Pointer(AddressSpace kernel, ulong module, int offset) =>
        offset != TaskLayout.Missing && kernel.TryReadPointer(new GuestVirtualAddress(module + (ulong)offset), out GuestVirtualAddress value) ? value.Value : 0;

    private static uint UInt32(AddressSpace kernel, ulong module, int offset) =>
        offset != TaskLayout.Missing && kernel.TryReadUInt32(new GuestVirtualAddress(module + (ulong)offset), out uint value) ? value : 0;
}
