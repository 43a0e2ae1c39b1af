using System.Collections.Frozen;
using System.Collections.Immutable;
using VmiPl.Language.Model;
using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>Reads the arguments of event probes and stream probes, and makes the probes.</summary>
internal static class ProbePass
{
    private const ulong MaxInt = int.MaxValue;

    private static readonly FrozenDictionary<string, EventKind> Kinds = new Dictionary<string, EventKind>
    {
        ["CRWrite"] = EventKind.ControlRegisterWrite,
        ["MSRWrite"] = EventKind.MsrWrite,
        ["IDTRWrite"] = EventKind.IdtrWrite,
        ["GDTRWrite"] = EventKind.GdtrWrite,
        ["IDTWrite"] = EventKind.IdtWrite,
        ["GDTWrite"] = EventKind.GdtWrite,
        ["ReadAt"] = EventKind.MemoryRead,
        ["WriteAt"] = EventKind.MemoryWrite,
        ["ExecuteAt"] = EventKind.Execute,
        ["Syscall"] = EventKind.SystemCall,
        ["OnResume"] = EventKind.Resume,
        ["OnExternalRequest"] = EventKind.ExternalRequest,
        ["Interrupt"] = EventKind.Interrupt,
    }.ToFrozenDictionary();

    public static EventProbe? Event(InvocationSyntax invocation, int id, BodyPass bodies, DiagnosticBag diagnostics)
    {
        Construct construct = ConstructTable.Find(invocation.Name.Text)!;
        var arguments = new Arguments(invocation, construct, diagnostics);
        Site? site = arguments.HaveRightCount() ? ReadSite(arguments, Kinds[construct.Name]) : null;
        ImmutableArray<Statement> body = bodies.Check(invocation.Body);
        return site is null ? null : new EventProbe
        {
            Id = id, Label = invocation.Label?.Text, Kind = Kinds[construct.Name], EventName = construct.Name,
            Number = site.Number, Name = site.Name, Address = site.Address, Body = body, Span = invocation.Head,
        };
    }

    public static StreamProbe? Stream(InvocationSyntax invocation, int id, DiagnosticBag diagnostics)
    {
        Construct construct = ConstructTable.Find(invocation.Name.Text)!;
        var arguments = new Arguments(invocation, construct, diagnostics);
        return arguments.HaveRightCount() && ReadStream(arguments, construct) is var (mac, output)
            ? new StreamProbe { Id = id, Label = invocation.Label?.Text, MacAddress = mac, Output = output, Span = invocation.Span }
            : null;
    }

    /// <summary>Looks at the arguments of a probe that stands where none may.</summary>
    public static void CheckMisplaced(Arguments arguments, Construct construct)
    {
        if (!arguments.HaveRightCount())
            return;
        if (construct.Kind == ConstructKind.EventProbe)
            ReadSite(arguments, Kinds[construct.Name]);
        else
            ReadStream(arguments, construct);
    }

    private static Site? ReadSite(Arguments arguments, EventKind kind)
    {
        switch (kind)
        {
            case EventKind.ControlRegisterWrite:
                return Site.Of(arguments.OneOf(0, 0, 3, 4, 8));
            case EventKind.MsrWrite:
                return arguments.Count == 0 ? new Site() : Site.Of(Msr(arguments));
            case EventKind.MemoryRead or EventKind.MemoryWrite or EventKind.Execute:
                return arguments.Address(0) is { } address ? new Site(Address: address) : null;
            case EventKind.SystemCall:
                return SystemCall(arguments);
            case EventKind.ExternalRequest:
                return Site.Of(arguments.Number(0, 0, MaxInt));
            case EventKind.Interrupt:
                return Site.Of(arguments.Number(0, 0, byte.MaxValue));
            default:
                return new Site();
        }
    }

    private static Site? SystemCall(Arguments arguments) => arguments.Count == 0 ? new Site() : arguments[0] switch
    {
        DashSyntax => new Site(),
        WordSyntax word => new Site(Name: word.Text),
        _ => Site.Of(arguments.Number(0, 0, MaxInt)),
    };

    private static ulong? Msr(Arguments arguments)
    {
        if (arguments[0] is not WordSyntax word)
            return arguments.Number(0, 0, uint.MaxValue);
        if (MsrTable.ByName.TryGetValue(word.Text, out uint number))
            return number;
        return arguments.Report<ulong?>(DiagnosticIds.UnknownMsr, 0, NearestName.Hint(word.Text, MsrTable.ByName.Keys) ?? "any can be written as its number", Shown.Of(word.Text));
    }

    private static (string? Mac, Output Output)? ReadStream(Arguments arguments, Construct construct)
    {
        bool isNetwork = construct.Name == "CaptureNetwork";
        string? mac = isNetwork ? MacReader.Read(arguments, 0) : null;
        Output? output = arguments.Output(isNetwork ? 1 : 0);
        return output is not null && (mac is not null || !isNetwork) ? (mac, output) : null;
    }

    /// <summary>What an event probe watches, as far as its kind leaves it open.</summary>
    private sealed record Site(ulong? Number = null, string? Name = null, AddressOperand? Address = null)
    {
        public static Site? Of(ulong? number) => number is null ? null : new Site(number);
    }
}
