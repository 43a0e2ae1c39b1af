using VmiPl.Compilation.Records;
using VmiPl.Language.Model;
using VmiPl.Streams;

namespace VmiPl.Tests.Streams;

/// <summary>Bytes that no program has emitted: a QEMU that was taken over may hand out any.</summary>
public sealed class RecordDecoderTests
{
    [Fact]
    public void Any_bytes_give_a_record()
    {
        RecordSchema[] schemas =
        [
            new RegisterSchema { Index = 0, ProbeId = 0, Event = "e", Probe = "p", Output = Output.Default, Register = "CR3", PageDirectoryMask = 0xFFF000 },
            new MemorySchema { Index = 0, ProbeId = 0, Event = "e", Probe = "p", Output = Output.Default },
            new TextSchema { Index = 0, ProbeId = 0, Event = "e", Probe = "p", Output = Output.Default },
            new VmcsSchema { Index = 0, ProbeId = 0, Event = "e", Probe = "p", Output = Output.Default, Fields = [VmcsField.ExitReason, VmcsField.ExitQualification] },
            new ProcessSchema { Index = 0, ProbeId = 0, Event = "e", Probe = "p", Output = Output.Default, Fields = [ProcessField.Pid, ProcessField.Name, ProcessField.Path, ProcessField.PageDirectory] },
            new FailureSchema { Index = 0, ProbeId = 0, Event = "e", Probe = "p", Output = Output.Default },
            new PauseSchema { Index = 0, ProbeId = 0, Event = "e", Probe = "p", Output = Output.Default },
        ];
        var random = new Random(1);
        var origin = new RecordOrigin(DateTime.UnixEpoch, 3, "m", 1);
        byte[] bytes = new byte[300];
        for (int i = 0; i < 200_000; i++)
        {
            RecordSchema schema = schemas[i % schemas.Length];
            Span<byte> record = bytes.AsSpan(0, random.Next(4) == 0 ? random.Next(bytes.Length) : 16 * random.Next(8));
            random.NextBytes(record);
            if (record.Length >= 4 && random.Next(2) == 0)
                record[..4].Clear();
            VmiRecord decoded = RecordDecoder.Decode(schema, origin, record);
            Assert.Equal(("m", 1, 3L, "p"), (decoded.Machine, decoded.Vcpu, decoded.Sequence, decoded.Probe));
        }
    }

    [Fact]
    public void A_record_of_the_wrong_length_says_so()
    {
        var schema = new PauseSchema { Index = 0, ProbeId = 2, Label = "x", Event = "e", Probe = "Pause", Output = Output.Default };
        VmiRecord record = RecordDecoder.Decode(schema, default, new byte[5]);
        Assert.Equal("A record of 5 bytes came that is none of `Pause`.", Assert.IsType<FailureRecord>(record).Error);
        Assert.Equal((2, "x"), (record.ProbeId, record.Label));
    }
}
