namespace VmiPl.Streams;

/// <summary>Records of one probe that are missing here, between the record before and the one after: nobody took them in time. Its
/// <see cref="VmiRecord.Sequence"/>, <see cref="VmiRecord.Time"/> and <see cref="VmiRecord.Vcpu"/> are those of the first one missing.</summary>
public sealed record LossRecord : VmiRecord
{
    /// <summary>How many are missing.</summary>
    public long Lost { get; init; }
}
