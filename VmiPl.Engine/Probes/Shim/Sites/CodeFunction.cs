namespace VmiPl.Probes.Shim.Sites;

/// <summary>A function of the kernel or a module: an instruction begins at <paramref name="Start"/> for certain, and the next function or the end of the code is at
/// <paramref name="End"/>.</summary>
internal readonly record struct CodeFunction(ulong Start, ulong End, string Name, bool IsModule);
