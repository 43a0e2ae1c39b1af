using VmiPl.Memory;

namespace VmiPl.Symbols;

/// <summary>Where the guest's kernel lies: the page-table root through which kernel addresses can be read whatever the vCPUs do
/// at the moment (the kernel's own table, or a process's with the kernel half), and the run of virtual addresses that holds
/// the kernel image (<c>_text</c> to about <c>_end</c>).</summary>
public sealed record KernelLocation(PagingMode Mode, GuestPhysicalAddress Root, GuestVirtualAddress ImageStart, ulong ImageLength)
{
    /// <summary>A fresh address space over the kernel for one operation.</summary>
    public AddressSpace OpenSpace(IGuestMemory memory) => new(memory, Mode, Root);
}
