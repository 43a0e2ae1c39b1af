using System.Text;
using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Linux;

/// <summary>The kernel's list of loaded modules (kernel/module/main.c, <c>modules</c>), as <c>/proc/modules</c> shows it.</summary>
internal static class ModuleList
{
    // MODULE_NAME_LEN is 64 less a pointer (include/linux/moduleparam.h).
    private const int MaxName = 64;
    // MODULE_STATE_UNFORMED of include/linux/module.h: half made, and not shown by the kernel either.
    private const uint Unformed = 3;

    /// <summary>One module and where its <c>struct module</c> lies.</summary>
    internal readonly record struct Found(VmiModule Module, ulong Address);

    /// <summary>Yields the modules. A list that cannot be followed to its end throws <c>GuestDataInvalid</c> behind what was found.</summary>
    public static IEnumerable<Found> Read(KernelProfile profile, AddressSpace kernel, string machine, VmiLimits limits)
    {
        ModuleLayout layout = ModuleLayout.From(profile);
        ulong head = layout.Head;
        if (!kernel.TryReadPointer(new GuestVirtualAddress(head), out GuestVirtualAddress node))
            throw new VmiException(VmiErrorCode.GuestDataInvalid, $"The guest's module list at 0x{head:x} cannot be read.", machine);
        byte[] name = new byte[MaxName];
        for (int count = 0; node.Value != head; count++)
        {
            if (count >= limits.MaxModules)
                throw new VmiException(VmiErrorCode.LimitExceeded, $"The guest's module list was cut after {count} modules.", machine);
            ulong module = node.Value - (ulong)layout.List;
            if (!kernel.TryReadPointer(node, out GuestVirtualAddress next))
                throw new VmiException(VmiErrorCode.GuestDataInvalid, $"The guest's module list leads to 0x{node.Value:x}, which cannot be read.", machine);
            bool shown = !kernel.TryReadUInt32(new GuestVirtualAddress(module), out uint state) || state != Unformed;
            if (shown)
                yield return At(layout, kernel, module, machine, name);
            node = next;
        }
    }

    /// <summary>The module whose <c>struct module</c> lies at an address, listed or not. What cannot be read of it is empty or 0. Throws
    /// <c>ProfileIncomplete</c>.</summary>
    public static Found At(KernelProfile profile, AddressSpace kernel, string machine, ulong module) =>
        At(ModuleLayout.From(profile), kernel, module, machine, new byte[MaxName]);

    private static Found At(ModuleLayout layout, AddressSpace kernel, ulong module, string machine, byte[] name)
    {
        int length = kernel.ReadString(new GuestVirtualAddress(module + (ulong)layout.Name), name, out _);
        (ulong start, ulong size) = layout.Extent(kernel, module);
        return new Found(new VmiModule(machine, Encoding.UTF8.GetString(name, 0, length), start, size), module);
    }
}
