using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace VmiPl.Tests.Repository;

/// <summary>Reads the Engine's sources as the compiler does and says where a room uses one that stands behind it, or is unsafe
/// where it may not be. A room is the second part of a namespace: <c>VmiPl.Machines.Qmp</c> is in Machines.</summary>
internal static class RoomOrder
{
    /// <summary>The rooms; each may use itself and those before it.</summary>
    public static readonly string[] Rooms =
        ["Errors", "Interop", "Memory", "Machines", "Symbols", "Linux", "Language", "Compilation", "Streams", "Probes", "Launch"];

    // Read once: what the runtime and the test's dependencies offer, without the Engine's own assembly.
    private static readonly MetadataReference[] PlatformReferences =
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => !Path.GetFileName(path).StartsWith("VmiPl.", StringComparison.Ordinal))
            .Select(path => MetadataReference.CreateFromFile(path))];

    private const string ImplicitUsings =
        """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        """;

    /// <summary>One line per breach: <c>path:line: room Memory uses room Linux (VmiProcess)</c>.</summary>
    public static IReadOnlyList<string> Check(IEnumerable<(string Path, string Text)> sources)
    {
        SyntaxTree[] trees = [.. sources.Select(s => CSharpSyntaxTree.ParseText(s.Text, path: s.Path))];
        CSharpCompilation compilation = CSharpCompilation.Create(
            "Engine", [.. trees, CSharpSyntaxTree.ParseText(ImplicitUsings)], PlatformReferences,
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable));
        var breaches = new List<string>();
        foreach (SyntaxTree tree in trees)
        {
            SyntaxNode root = tree.GetRoot();
            string? room = root.DescendantNodes().OfType<BaseNamespaceDeclarationSyntax>()
                .Select(declaration => RoomOf(declaration.Name.ToString())).FirstOrDefault();
            if (room is null || !Rooms.Contains(room))
            {
                breaches.Add($"{tree.FilePath}:1: stands in no room of the Engine");
                continue;
            }
            CheckFolder(tree, room, breaches);
            CheckUses(compilation.GetSemanticModel(tree), root, room, breaches);
            CheckUnsafe(tree, root, room, breaches);
        }
        return breaches;
    }

    private static void CheckFolder(SyntaxTree tree, string room, List<string> breaches)
    {
        if (tree.FilePath.Split('/')[0] != room)
            breaches.Add($"{tree.FilePath}:1: is in room {room} by its namespace, but not by its folder");
    }

    private static void CheckUses(SemanticModel model, SyntaxNode root, string room, List<string> breaches)
    {
        foreach (SimpleNameSyntax name in root.DescendantNodes(descendIntoTrivia: false).OfType<SimpleNameSyntax>())
        {
            ISymbol? symbol = model.GetSymbolInfo(name).Symbol;
            string? used = symbol is null ? null : RoomOf((symbol as INamespaceSymbol ?? symbol.ContainingNamespace)?.ToDisplayString());
            if (used is null || Array.IndexOf(Rooms, used) <= Array.IndexOf(Rooms, room))
                continue;
            breaches.Add($"{Place(name)}: room {room} uses room {used} ({name.Identifier.Text})");
        }
    }

    /// <summary>Pointers live in Interop, and in Memory's views of mapped guest RAM.</summary>
    private static void CheckUnsafe(SyntaxTree tree, SyntaxNode root, string room, List<string> breaches)
    {
        bool isMappedView = room == "Memory" && Path.GetFileName(tree.FilePath).StartsWith("Mapped", StringComparison.Ordinal);
        if (room == "Interop" || isMappedView)
            return;
        foreach (SyntaxToken token in root.DescendantTokens().Where(t => t.IsKind(SyntaxKind.UnsafeKeyword)))
            breaches.Add($"{Place(token.Parent!)}: room {room} is unsafe");
    }

    private static string? RoomOf(string? space) => space?.Split('.') is ["VmiPl", var room, ..] ? room : null;

    private static string Place(SyntaxNode node) =>
        $"{node.SyntaxTree.FilePath}:{node.GetLocation().GetLineSpan().StartLinePosition.Line + 1}";
}
