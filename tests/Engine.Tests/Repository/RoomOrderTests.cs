using VmiPl.Memory;

namespace VmiPl.Tests.Repository;

/// <summary>Holds the order of the Engine's rooms, and holds that the guard itself sees what it should.</summary>
public sealed class RoomOrderTests
{
    [Fact]
    public void The_Engine_keeps_its_order_of_rooms()
    {
        string engine = Path.Combine(RepositoryFolder.Root, "VmiPl.Engine");
        (string, string)[] sources =
            [.. RepositoryFolder.Files("VmiPl.Engine", "*.cs").Select(path => (Path.GetRelativePath(engine, path), File.ReadAllText(path)))];

        Assert.True(sources.Length > 10, "The Engine's sources were not found.");
        IReadOnlyList<string> breaches = RoomOrder.Check(sources);
        Assert.True(breaches.Count == 0, string.Join('\n', breaches));
    }

    [Fact]
    public void The_Engine_does_not_know_PowerShell() =>
        Assert.DoesNotContain(
            typeof(AddressSpace).Assembly.GetReferencedAssemblies(),
            name => name.Name!.Contains("Automation", StringComparison.Ordinal) || name.Name.Contains("PowerShell", StringComparison.Ordinal));

    [Theory]
    [InlineData("using VmiPl.Linux; namespace VmiPl.Memory; class A { Task1 f; }", "Memory/A.cs:1: room Memory uses room Linux (Task1)")]
    [InlineData("namespace VmiPl.Memory;\nclass A\n{\n    Linux.Task1 f;\n}", "Memory/A.cs:4: room Memory uses room Linux (Task1)")]
    [InlineData("namespace VmiPl.Memory; class A { object f = new VmiPl.Linux.Deep.Task2(); }", "Memory/A.cs:1: room Memory uses room Linux (Task2)")]
    [InlineData("namespace VmiPl.Memory; class A { string f = nameof(Linux.Task1.Number); }", "Memory/A.cs:1: room Memory uses room Linux (Number)")]
    [InlineData("namespace VmiPl.Memory; class A { int f = Linux.Task1.Number; }", "Memory/A.cs:1: room Memory uses room Linux (Number)")]
    [InlineData("namespace VmiPl.Memory; unsafe class A { }", "Memory/A.cs:1: room Memory is unsafe")]
    [InlineData("namespace VmiPl.Machines; class A { }", "Memory/A.cs:1: is in room Machines by its namespace, but not by its folder")]
    [InlineData("namespace Elsewhere; class A { }", "Memory/A.cs:1: stands in no room of the Engine")]
    public void A_breach_is_named_with_its_file_and_room(string text, string expected) =>
        Assert.Contains(expected, RoomOrder.Check([
            ("Memory/A.cs", text),
            ("Linux/Task1.cs", "namespace VmiPl.Linux; class Task1 { public const int Number = 1; }"),
            ("Linux/Deep/Task2.cs", "namespace VmiPl.Linux.Deep; class Task2 { }"),
        ]));

    [Fact]
    public void Rooms_before_may_be_used_and_mapped_views_may_be_unsafe() =>
        Assert.Empty(RoomOrder.Check([
            ("Linux/A.cs", "using VmiPl.Memory; namespace VmiPl.Linux; class A { MappedView f; Memory.MappedView g; }"),
            ("Memory/MappedView.cs", "namespace VmiPl.Memory; unsafe class MappedView { byte* p; }"),
            ("Interop/B.cs", "namespace VmiPl.Interop; unsafe class B { byte* p; }"),
        ]));
}
