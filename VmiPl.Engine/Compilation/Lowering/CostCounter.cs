namespace VmiPl.Compilation.Lowering;

/// <summary>Adds up what a body costs while it is lowered.</summary>
internal sealed class CostCounter
{
    private int _accesses, _records;
    private long _bytes;
    private BodyCost? _perProcess;

    /// <summary>One call that moves up to that many bytes of guest memory.</summary>
    public void Access(long bytes)
    {
        _accesses++;
        _bytes += bytes;
    }

    /// <summary>One record.</summary>
    public void Record() => _records++;

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
