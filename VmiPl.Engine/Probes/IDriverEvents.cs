using VmiPl.Errors;
using VmiPl.Streams;

namespace VmiPl.Probes;

/// <summary>What a driver tells its session, on its own thread. No call may throw, or call the driver.</summary>
internal interface IDriverEvents
{
    /// <summary>A program has handed out a record. <paramref name="bytes"/> hold for the call only.</summary>
    void Record(int schema, in RecordOrigin origin, ReadOnlySpan<byte> bytes);

    /// <summary>Records of a probe found no room on their way here: <paramref name="count"/> are missing at this place, and <paramref name="first"/> is the first of
    /// them.</summary>
    void Lost(int probe, long count, in RecordOrigin first);

    /// <summary>Something that whoever reads the records has to know; <paramref name="probe"/> is the probe that it is about, or null.</summary>
    void Notice(string text, bool isError, int? probe = null);

    /// <summary>The driver has ended without having been asked to; the guest is clean or gone. Told once, last.</summary>
    void Ended(VmiException reason);
}
