using VmiPl.Compilation;
using VmiPl.Errors;
using VmiPl.Probes;
using VmiPl.Streams;

namespace VmiPl.Tests.Probes.GdbStub;

/// <summary>Keeps what a driver tells.</summary>
internal sealed class CollectedEvents : IDriverEvents
{
    public CompiledScript? Script { get; set; }

    public List<VmiRecord> Records { get; } = [];

    public List<string> Notices { get; } = [];

    public VmiException? End { get; private set; }

    public void Record(int schema, in RecordOrigin origin, ReadOnlySpan<byte> bytes)
    {
        VmiRecord record = RecordDecoder.Decode(Script!.Schemas[schema], origin, bytes);
        lock (Records)
            Records.Add(record);
    }

    public void Notice(string text, bool isError, int? probe = null)
    {
        lock (Records)
            Notices.Add(text);
    }

    public void Ended(VmiException reason) => End = reason;
}
