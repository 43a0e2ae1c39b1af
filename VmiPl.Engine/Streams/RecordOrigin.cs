namespace VmiPl.Streams;

/// <summary>Where and when a record was made.</summary>
/// <param name="Time">The host's time, UTC.</param>
/// <param name="Sequence">The number of the record among its event probe's, from 0, without gaps but those of announced losses.</param>
/// <param name="Machine">The machine's name.</param>
/// <param name="Vcpu">The vCPU's index.</param>
public readonly record struct RecordOrigin(DateTime Time, long Sequence, string Machine, int Vcpu);
