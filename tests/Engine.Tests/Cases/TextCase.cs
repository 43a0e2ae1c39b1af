namespace VmiPl.Tests.Cases;

/// <summary>One case of <c>tests/cases</c> as text; what its sections mean is up to who runs it.</summary>
public sealed record TextCase(string File, string Name, IReadOnlyList<CaseSection> Sections)
{
    public bool Has(string kind) => Sections.Any(section => section.Kind == kind);

    /// <summary>The only section of that kind, or null; two are an error of the case.</summary>
    public CaseSection? Find(string kind) => Sections.SingleOrDefault(section => section.Kind == kind);

    public IEnumerable<CaseSection> All(string kind) => Sections.Where(section => section.Kind == kind);

    public override string ToString() => $"{File}: {Name}";
}
