using System.Diagnostics;
using VmiPl.Language.Model;
using VmiPl.Streams;
using VmiPl.Streams.Packets;

namespace VmiPl.Benchmarks;

/// <summary>Records from one thread to another through a stream, and frames read.</summary>
internal static class RecordSection
{
    private const int Records = 5_000_000, Frames = 200_000;
    private const double Aim = 1e6;

    public static void Run(Report report)
    {
        Carry(Records / 5);
        double rate = Carry(Records);
        report.Add("Records from producer to consumer, 2 threads", $"{rate / 1e6:0.0} million/s", $"over {Aim / 1e6:0} million/s", rate > Aim);
        // An Ethernet frame with IPv4, UDP and 100 bytes.
        byte[] frame = new byte[142];
        (frame[12], frame[14], frame[17], frame[23], frame[37], frame[39]) = (8, 0x45, 128, 17, 9, 108);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Frames; i++)
            PacketReader.Read(frame, frame.Length);
        report.Add("Frames read (UDP)", $"{Frames / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e3:0} thousand/s");
    }

    private static double Carry(int count)
    {
        var output = new Output(false, "demo");
        using var set = new StreamSet([output], options: new StreamOptions { OnFull = FullPolicy.Block, BlockTimeout = TimeSpan.FromMinutes(1) });
        RecordStream stream = set.Find("demo")!;
        long start = Stopwatch.GetTimestamp();
        var producer = new Thread(() =>
        {
            for (int i = 0; i < count; i++)
                set.Write(output, new RegisterRecord { Sequence = i, Register = "RAX", Value = (ulong)i });
        });
        producer.Start();
        int got = 0;
        while (got < count && stream.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (stream.TryRead(out _))
                got++;
        }
        producer.Join();
        return got / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
