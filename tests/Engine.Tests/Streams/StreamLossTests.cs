using VmiPl.Language.Model;
using VmiPl.Streams;

namespace VmiPl.Tests.Streams;

public sealed class StreamLossTests
{
    [Fact]
    public void A_loss_on_the_way_stands_in_every_output_and_counts_once()
    {
        Output first = new(false, "first"), second = new(false, "second");
        using var set = new StreamSet([first, second]);
        set.Write(first, Record(0));
        set.WriteLoss([first, second, first], new LossRecord { Lost = 7, Sequence = 1, ProbeId = 3, Machine = "m" });
        set.Write(first, Record(8));
        Assert.Equal(["0", "1 to 7", "8"], Texts(set.Find("first")!));
        Assert.Equal(["1 to 7"], Texts(set.Find("second")!));
        Assert.Equal(7, set.LostOf(3));
        Assert.Equal((9, 2, 7), (set.Find("first")!.Written, set.Find("first")!.Read, set.Find("first")!.Lost));
    }

    [Fact]
    public void A_loss_of_a_probe_without_outputs_is_told_in_default()
    {
        using var set = new StreamSet([]);
        set.WriteLoss([], new LossRecord { Lost = 2, Sequence = 0, ProbeId = 1 });
        Assert.Equal(["0 to 1"], Texts(set.Find(Output.DefaultStream)!));
        Assert.Equal(2, set.LostOf(1));
    }

    private static RegisterRecord Record(long sequence) => new() { Sequence = sequence, ProbeId = 3, Register = "RAX" };

    private static List<string> Texts(RecordStream stream)
    {
        var texts = new List<string>();
        while (stream.TryRead(out VmiRecord record))
            texts.Add(record is LossRecord loss ? $"{loss.Sequence} to {loss.Sequence + loss.Lost - 1}" : $"{record.Sequence}");
        return texts;
    }
}
