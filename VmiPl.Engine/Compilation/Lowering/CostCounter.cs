using VmiPl.Compilation.Bytecode;

namespace VmiPl.Compilation.Lowering;

/// <summary>Adds up what a body costs while it is lowered.</summary>
internal sealed class CostCounter
{
    private int _accesses, _records;
    private long _bytes;
    private BodyCost? _perProcess;

    /// <summary>Instructions that the helpers take at most for the bytes they move, where no code runs twice.</summary>
    public long Moving { get; private set; }

    /// <summary>One call that moves up to that many bytes of guest memory, made again where it gives nothing.</summary>
    public void Access(long bytes, int calls = 1)
    {
        _accesses++;
        _bytes += bytes;
        Moving += calls * (bytes / ProbeProgram.BytesPerInstruction);
    }

    /// <summary>One record of up to that many bytes.</summary>
    public void Record(long bytes)
    {
        _records++;
        Moving += bytes / ProbeProgram.BytesPerInstruction;
    }

    /// <summary>Takes what was counted since <paramref name="before"/> out of the sum: it is spent once for each process.</summary>
    public void PerProcess(BodyCost before, int instructions)
    {
        var once = new BodyCost(instructions, _accesses - before.GuestAccesses, _bytes - before.GuestBytes, _records - before.Records);
        _accesses = before.GuestAccesses;
        _bytes = before.GuestBytes;
        _records = before.Records;
        _perProcess = _perProcess is null ? once : new BodyCost(
            _perProcess.Instructions + once.Instructions, _perProcess.GuestAccesses + once.GuestAccesses,
            _perProcess.GuestBytes + once.GuestBytes, _perProcess.Records + once.Records);
    }

    /// <summary>The sum so far.</summary>
    public BodyCost Sum(int instructions) => new(instructions - (_perProcess?.Instructions ?? 0), _accesses, _bytes, _records, _perProcess);
}
