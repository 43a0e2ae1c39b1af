using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Symbols.Inference;

namespace VmiPl.Symbols;

/// <summary>Makes a kernel's profile out of the guest's memory: finds the kernel, decodes its symbols and types, and has what
/// is missing inferred. Stateless.</summary>
public static class ProfileBuilder
{
    /// <summary>Builds a machine's profile and notes the kernel's release on the machine. <paramref name="registers"/> may be
    /// empty. Throws <c>KernelNotFound</c>, or what reading memory throws.</summary>
    public static KernelProfile Build(VmiMachine machine, IReadOnlyList<VcpuRegisters> registers, ProfileCache? cache = null)
    {
        KernelProfile profile = Build(machine.GetMemory(), registers, cache, machine.Limits);
        machine.KernelRelease = profile.Release;
        return profile;
    }

    /// <summary>Builds the profile of the kernel in <paramref name="memory"/>; see the other overload.</summary>
    public static KernelProfile Build(IGuestMemory memory, IReadOnlyList<VcpuRegisters> registers, ProfileCache? cache = null, VmiLimits? limits = null)
    {
        limits ??= VmiLimits.Default;
        KernelLocation location = KernelLocator.Locate(memory, registers, limits);
        KernelImage image = KernelImage.Open(memory, location, limits);
        KernelTables tables = cache?.TryLoad(image, limits) ?? KernelTables.Read(image, limits);
        if (!tables.FromCache)
            cache?.Store(image, tables);

        ISymbolTable symbols = tables.Symbols ?? (ISymbolTable)new EmptySymbols();
        location = KernelRoot.Prefer(memory, Trim(location, symbols), symbols, image);
        InferredLayout? inferred = tables.Types is null || !symbols.TryFind("init_task", out _)
            ? LayoutInference.Infer(location.OpenSpace(memory), location, symbols, limits)
            : null;
        return new KernelProfile(tables.Release, tables.BuildId, location, symbols, tables.Types, inferred?.Offsets, inferred?.Symbols);
    }

    /// <summary>The image as its own symbols bound it: 32-bit kernels lie in a larger mapping.</summary>
    private static KernelLocation Trim(KernelLocation location, ISymbolTable symbols)
    {
        if (!symbols.TryFind("_text", out GuestVirtualAddress start) || start.Value - location.ImageStart.Value >= location.ImageLength)
            return location;
        ulong end = location.ImageStart.Value + location.ImageLength;
        if (symbols.TryFind("_end", out GuestVirtualAddress symbol) && symbol.Value > start.Value && symbol.Value < end)
            end = symbol.Value;
        return location with { ImageStart = start, ImageLength = end - start.Value };
    }
}
