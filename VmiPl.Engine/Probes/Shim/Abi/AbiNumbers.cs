namespace VmiPl.Probes.Shim.Abi;

/// <summary>The single numbers of <c>native-shim/include/vmi_shim.h</c>, by the names that they have there. A test compares all of them.</summary>
internal static class AbiNumbers
{
    public const uint ShimAbi = 3;
    public const ulong ShimMagic = 0x314d4853494d56;
    public const uint Keep = 0xffffffff;
    public const uint Whole = 0x4b4f4552;

    // Bytes of the longest message, its head included.
    public const int MaxMessage = 8 << 20;
    public const int MaxVcpus = 512;
    public const int MaxRanges = 4096;
    public const int MaxPrograms = 4096;
    public const int MaxProbes = 1024;
    public const int MaxBodies = 4096;
    public const int MaxSites = 2048;
    public const int MaxUses = 8192;
    // Bytes of the ring.
    public const int MinRing = 1 << 16;
    public const int MaxRing = 1 << 28;
    // Bytes kept of an instruction.
    public const int MaxInstruction = 16;
    public const int DebugRegisters = 4;
}
