using System.Collections.Concurrent;
using System.Diagnostics;
using VmiPl.Language.Model;
using VmiPl.Streams;

namespace VmiPl.Tests.Streams;

public sealed class RecordStreamTests
{
    private static readonly Output Demo = new(false, "demo");

    private static RegisterRecord Record(int probe, long sequence) => new() { ProbeId = probe, Sequence = sequence, Label = "l" + probe, Event = "ExecuteAt", Stream = "demo" };

    private static List<VmiRecord> ReadAll(RecordStream stream)
    {
        var got = new List<VmiRecord>();
        while (stream.TryRead(out VmiRecord record))
            got.Add(record);
        return got;
    }

    private static string Text(VmiRecord record) => record is LossRecord loss ? $"-{loss.ProbeId}.{loss.Sequence}x{loss.Lost}" : $"{record.ProbeId}.{record.Sequence}";

    [Fact]
    public void A_loss_stands_where_it_happened_once_for_each_probe_that_lost()
    {
        using var set = new StreamSet([Demo], options: new StreamOptions { Capacity = 2 });
        RecordStream stream = set.Find("demo")!;
        set.Write(Demo, Record(1, 0));
        set.Write(Demo, Record(1, 1));
        set.Write(Demo, Record(1, 2));
        set.Write(Demo, Record(2, 0));
        set.Write(Demo, Record(1, 3));
        Assert.True(stream.TryRead(out VmiRecord first));
        set.Write(Demo, Record(1, 4));
        Assert.Equal("1.0", Text(first));
        Assert.Equal(["1.1", "-1.2x2", "-2.0x1", "-1.4x1"], ReadAll(stream).Select(Text));
        set.Write(Demo, Record(2, 1));
        Assert.Equal(["2.1"], ReadAll(stream).Select(Text));
        Assert.Equal((3, 1, 7, 3, 0), (set.LostOf(1), set.LostOf(2), stream.Written, stream.Read, stream.Waiting));
    }

    [Fact]
    public void A_loss_names_probe_label_event_and_the_first_that_is_missing()
    {
        using var set = new StreamSet([Demo], options: new StreamOptions { Capacity = 1 });
        set.Write(Demo, Record(3, 0));
        set.Write(Demo, Record(3, 1) with { Time = DateTime.UnixEpoch, Machine = "m", Vcpu = 2 });
        set.Write(Demo, Record(3, 2));
        set.Complete();
        LossRecord loss = Assert.IsType<LossRecord>(ReadAll(set.Find("demo")!)[1]);
        Assert.Equal(
            new LossRecord { Lost = 2, ProbeId = 3, Label = "l3", Event = "ExecuteAt", Sequence = 1, Time = DateTime.UnixEpoch, Machine = "m", Vcpu = 2, Stream = "demo" }, loss);
    }

    [Fact]
    public async Task A_loss_at_the_end_is_announced_as_soon_as_there_is_room_and_by_completion_at_the_latest()
    {
        using var set = new StreamSet([Demo], options: new StreamOptions { Capacity = 1 });
        RecordStream stream = set.Find("demo")!;
        set.Write(Demo, Record(1, 0));
        set.Write(Demo, Record(1, 1));
        Assert.True(stream.TryRead(out _));
        Assert.True(await stream.WaitToReadAsync(TestContext.Current.CancellationToken));
        Assert.Equal(["-1.1x1"], ReadAll(stream).Select(Text));

        set.Write(Demo, Record(1, 2));
        set.Write(Demo, Record(1, 3));
        set.Complete();
        Assert.False(stream.IsCompleted);
        Assert.Equal(["1.2", "-1.3x1"], ReadAll(stream).Select(Text));
        Assert.True(stream.IsCompleted);
        Assert.False(await stream.WaitToReadAsync(TestContext.Current.CancellationToken));
        set.Write(Demo, Record(1, 4));
        Assert.Equal((5, 2, 3, 0), (stream.Written, stream.Read, stream.Lost, stream.Waiting));
    }

    [Fact]
    public void A_loss_that_was_counted_elsewhere_joins_the_accounts()
    {
        using var set = new StreamSet([Demo], options: new StreamOptions { Capacity = 1 });
        RecordStream stream = set.Find("demo")!;
        set.Write(Demo, Record(1, 0));
        set.Write(Demo, new LossRecord { ProbeId = 1, Sequence = 1, Lost = 10 });
        set.Write(Demo, Record(1, 11));
        Assert.Equal(["1.0", "-1.1x11"], ReadAll(stream).Select(Text));
        Assert.Equal((12, 11, 11), (stream.Written, stream.Lost, set.LostOf(1)));
    }

    [Theory]
    [InlineData(FullPolicy.Drop, 1, 1, 1)]
    [InlineData(FullPolicy.Drop, 3, 1, 7)]
    [InlineData(FullPolicy.Drop, 4, 3, 64)]
    [InlineData(FullPolicy.Drop, 2, 2, 5000)]
    [InlineData(FullPolicy.Block, 1, 1, 1)]
    [InlineData(FullPolicy.Block, 4, 1, 16)]
    [InlineData(FullPolicy.Block, 3, 3, 64)]
    public async Task What_is_delivered_and_what_is_lost_is_what_was_written_under_any_interleaving(FullPolicy policy, int writers, int readers, int capacity)
    {
        const int Each = 60_000;
        using var set = new StreamSet([Demo], options: new StreamOptions { Capacity = capacity, OnFull = policy, BlockTimeout = TimeSpan.FromMinutes(2) });
        RecordStream stream = set.Find("demo")!;
        var got = new ConcurrentBag<VmiRecord>[readers];
        var order = new List<VmiRecord>();
        Task[] reading = [.. Enumerable.Range(0, readers).Select(i => Task.Run(async () =>
        {
            var random = new Random(i);
            got[i] = [];
            while (await stream.WaitToReadAsync())
            {
                while (stream.TryRead(out VmiRecord record))
                {
                    got[i].Add(record);
                    if (readers == 1)
                        order.Add(record);
                    if (random.Next(64) == 0)
                        Thread.SpinWait(random.Next(4000));
                }
            }
        }))];
        Task[] writing = [.. Enumerable.Range(0, writers).Select(i => Task.Run(() =>
        {
            var random = new Random(100 + i);
            for (int n = 0; n < Each; n++)
            {
                set.Write(Demo, Record(i, n));
                if (random.Next(256) == 0)
                    Thread.SpinWait(random.Next(20_000));
            }
        }))];
        await Task.WhenAll(writing);
        set.Complete();
        await Task.WhenAll(reading);
        VmiRecord[] all = [.. got.SelectMany(bag => bag)];
        Assert.Equal(writers * (long)Each, stream.Written);
        Assert.Equal(stream.Written, stream.Read + stream.Lost);
        Assert.Equal(0, stream.Waiting);
        if (policy == FullPolicy.Block)
            Assert.Equal(0, stream.Lost);
        for (int i = 0; i < writers; i++)
        {
            VmiRecord[] mine = [.. all.Where(r => r.ProbeId == i)];
            long lost = mine.OfType<LossRecord>().Sum(l => l.Lost);
            Assert.Equal(Each, mine.Count(r => r is not LossRecord) + lost);
            Assert.Equal(lost, set.LostOf(i));
            // Put in order, records and losses cover every number exactly once.
            long next = 0;
            foreach (VmiRecord record in readers == 1 ? order.Where(r => r.ProbeId == i) : mine.OrderBy(r => r.Sequence))
            {
                Assert.Equal(next, record.Sequence);
                next += record is LossRecord loss ? loss.Lost : 1;
            }
            Assert.Equal(Each, next);
        }
    }

    [Fact]
    public async Task Under_Block_a_writer_goes_on_when_there_is_room()
    {
        using var set = new StreamSet([Demo], options: new StreamOptions { Capacity = 1, OnFull = FullPolicy.Block, BlockTimeout = TimeSpan.FromMinutes(5) });
        RecordStream stream = set.Find("demo")!;
        set.Write(Demo, Record(1, 0));
        Task writer = Task.Run(() => set.Write(Demo, Record(1, 1)));
        Assert.False(SpinWait.SpinUntil(() => writer.IsCompleted, 50));
        Assert.True(stream.TryRead(out _));
        await writer;
        Assert.Equal(["1.1"], ReadAll(stream).Select(Text));
    }

    [Fact]
    public async Task Under_Block_a_consumer_that_is_gone_holds_the_guest_once()
    {
        var limit = TimeSpan.FromMilliseconds(200);
        using var set = new StreamSet([Demo], options: new StreamOptions { Capacity = 1, OnFull = FullPolicy.Block, BlockTimeout = limit });
        RecordStream stream = set.Find("demo")!;
        set.Write(Demo, Record(1, 0));
        long start = Stopwatch.GetTimestamp();
        set.Write(Demo, Record(1, 1));
        Assert.True(Stopwatch.GetElapsedTime(start) >= limit - TimeSpan.FromMilliseconds(20));
        // Each of these would wait as long; all together they would take hours.
        for (int i = 2; i < 50_000; i++)
            set.Write(Demo, Record(1, i));
        Assert.Equal((49_999, 1), (stream.Lost, stream.Waiting));
        Assert.Equal(["1.0", "-1.1x49999"], ReadAll(stream).Select(Text));
        // The consumer is back: a writer waits for it again.
        set.Write(Demo, Record(1, 50_000));
        Task waiting = Task.Run(() => set.Write(Demo, Record(1, 50_001)));
        Assert.True(SpinWait.SpinUntil(() => stream.TryRead(out _), TimeSpan.FromSeconds(30)));
        await waiting.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Under_Block_the_end_of_the_set_lets_a_writer_go()
    {
        var set = new StreamSet([Demo], options: new StreamOptions { Capacity = 1, OnFull = FullPolicy.Block, BlockTimeout = TimeSpan.FromMinutes(5) });
        set.Write(Demo, Record(1, 0));
        Task writer = Task.Run(() => set.Write(Demo, Record(1, 1)));
        Assert.False(SpinWait.SpinUntil(() => writer.IsCompleted, 50));
        set.Dispose();
        await writer.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal((2, 1), (set.Find("demo")!.Written, set.Find("demo")!.Lost));
    }

    // The pool may have no thread for as long as others keep them.
    [Fact]
    public void A_reader_with_a_thread_of_its_own_is_woken_by_the_writer_and_not_by_the_pool()
    {
        var stream = new RecordStream("", new StreamOptions(), hasReaderThread: true);
        Task<bool> waiting = stream.WaitToReadAsync(TestContext.Current.CancellationToken).AsTask();
        Assert.False(waiting.IsCompleted);
        stream.Write(Record(1, 0));
        Assert.True(waiting.IsCompletedSuccessfully);
        Assert.Equal(["1.0"], ReadAll(stream).Select(Text));
        Task<bool> end = stream.WaitToReadAsync(TestContext.Current.CancellationToken).AsTask();
        stream.Complete();
        Assert.True(end.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_reader_that_gives_up_waiting_harms_nobody()
    {
        using var set = new StreamSet([Demo]);
        RecordStream stream = set.Find("demo")!;
        using var cancel = new CancellationTokenSource();
        ValueTask<bool> waiting = stream.WaitToReadAsync(cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await waiting);
        set.Write(Demo, Record(1, 0));
        Assert.Equal(["1.0"], ReadAll(stream).Select(Text));
    }

    [Fact]
    public void There_is_always_a_default_stream_and_it_takes_what_has_no_output()
    {
        using var set = new StreamSet([Demo]);
        Assert.Equal(["default", "demo"], set.Streams.Select(s => s.Name));
        set.Write(new Output(false, "unknown"), Record(1, 0));
        Assert.Equal(1, set.Find("default")!.Waiting);
        Assert.Null(set.Find("unknown"));
    }
}
