using VmiPl.Compilation.Sites;

namespace VmiPl.Probes.Placement;

/// <summary>Code that a search could not look into, so that writes from there would go unseen: from <paramref name="Place"/> on, of module
/// <paramref name="Module"/> (null: the kernel proper), and why.</summary>
public sealed record UnsearchedText(string? Module, NamedAddress Place, string Reason);
