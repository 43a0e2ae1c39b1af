using System.Collections.Immutable;
using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>Finds what is allowed but hardly meant.</summary>
internal static class WarningPass
{
    public static void Check(ImmutableArray<EntrySyntax> entries, DiagnosticBag diagnostics)
    {
        foreach (InvocationSyntax invocation in entries.OfType<InvocationSyntax>())
        {
            if (diagnostics.IsFull)
                return;
            if (ConstructTable.Find(invocation.Name.Text) is { } construct && !invocation.IsDamaged)
                Check(invocation, construct, diagnostics);
            Check(invocation.Body ?? [], diagnostics);
        }
    }

    private static void Check(InvocationSyntax invocation, Construct construct, DiagnosticBag diagnostics)
    {
        if (construct.Kind is ConstructKind.EventProbe or ConstructKind.Filter && invocation.Body is { IsEmpty: true })
            diagnostics.Report(DiagnosticIds.EmptyBody, invocation.Head, null, construct.Name);
        bool hasOtherOutput = construct.Name != "CaptureNetwork" && construct.Parameters.Any(parameter => parameter.Kind == ParameterKind.Output);
        if (hasOtherOutput && invocation.Arguments is [.., var last] && File(last) is { } file && IsPcap(file))
            diagnostics.Report(DiagnosticIds.NoPcap, last.Span, null, construct.Name, Shown.Of(file));
        // A file's name mostly has an extension; without one, the `#` of a stream may have been forgotten.
        if (invocation.Arguments is [.., WordSyntax word] arguments && arguments.Length == construct.Parameters.Length
            && construct.Parameters[^1] is { Kind: ParameterKind.Output } && !construct.Parameters.Any(parameter => parameter.IsRepeated) && !word.Text.Contains('.') && RegisterTable.Find(word.Text) is null)
            diagnostics.Report(DiagnosticIds.WordAsFile, word.Span, $"write `#{Shown.Of(word.Text)}` for the stream of that name", construct.Name, Shown.Of(word.Text));
    }

    private static string? File(ArgumentSyntax argument) => argument switch
    {
        PathSyntax path => path.Text,
        TextSyntax text => text.Text,
        WordSyntax word => word.Text,
        _ => null,
    };

    private static bool IsPcap(string file) =>
        file.EndsWith(".pcap", StringComparison.OrdinalIgnoreCase) || file.EndsWith(".pcapng", StringComparison.OrdinalIgnoreCase);
}
