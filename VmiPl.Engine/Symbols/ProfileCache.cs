using VmiPl.Errors;

namespace VmiPl.Symbols;

/// <summary>placeholder</summary>
public sealed class ProfileCache
{
    internal static KernelTables? TryLoad(KernelImage image, VmiLimits limits) => null;
    internal static void Store(KernelImage image, KernelTables tables) { }
}
