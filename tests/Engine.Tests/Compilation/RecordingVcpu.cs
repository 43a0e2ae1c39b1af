using VmiPl.Compilation;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Probes.Interpreter;
using VmiPl.Streams;

namespace VmiPl.Tests.Compilation;

/// <summary>Runs a compiled script's programs on a guest that stands still, and keeps the records.</summary>
internal sealed class RecordingVcpu(CompiledScript script, LinuxGuest guest, VcpuRegisters registers)
    : StoppedVcpu(registers, new SnapshotMemory(guest.Machine.GetMemory()), guest.Profile.Location.Mode)
{
    public List<VmiRecord> Records { get; } = [];

    public List<(int Probe, int Body)> Selected { get; } = [];

    public override void Emit(int schema, ReadOnlySpan<byte> record) =>
        Records.Add(RecordDecoder.Decode(script.Schemas[schema], new RecordOrigin(DateTime.UnixEpoch, Records.Count, guest.Machine.Name, Vcpu), record));

    public override void SelectBody(int probe, int body) => Selected.Add((probe, body));

    /// <summary>Runs one body of a probe to its end.</summary>
    public static RecordingVcpu Run(CompiledScript script, LinuxGuest guest, VcpuRegisters registers, int probe = 0, int body = 0)
    {
        var vcpu = new RecordingVcpu(script, guest, registers);
        ProgramResult result = new ProbeInterpreter(script.Probes[probe].Bodies[body].Program).Run(vcpu);
        Assert.Equal(ProgramEnd.Finished, result.End);
        return vcpu;
    }
}
