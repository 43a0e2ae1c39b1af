using System.Collections.Concurrent;
using VmiPl.Errors;
using VmiPl.Language;
using VmiPl.Language.Model;
using VmiPl.Machines;
using VmiPl.Streams;
using VmiPl.Streams.Network;
using VmiPl.TestGuests;
using VmiPl.Tests.Machines;

namespace VmiPl.Tests.Streams.Network;

public sealed class NetworkCaptureTests
{
    private const string Mac = "52:54:00:00:00:01";
    private static readonly Output Net = new(false, "net");

    private static StreamProbe Probe(Output output, string? mac = Mac) => new() { Id = 5, Label = "wire", MacAddress = mac, Output = output, Span = default! };

    private static List<VmiRecord> ReadAll(RecordStream stream)
    {
        var got = new List<VmiRecord>();
        while (stream.TryRead(out VmiRecord record))
            got.Add(record);
        return got;
    }

    private static List<PcapFrame> FramesOf(string path)
    {
        var frames = new List<PcapFrame>();
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        new PcapReader().Feed(bytes, frames.Add);
        return frames;
    }

    [Fact]
    public async Task Thousands_of_frames_both_ways_are_those_of_QEMUs_own_dump_each_once()
    {
        if (GuestRequirements.Missing() is { Count: > 0 } missing)
            Assert.Skip(string.Join(' ', missing));
        // As many at once as a pipe holds, whatever else the host has to do: what is tested here is every byte, not the pace.
        const int Each = 10_000, AtOnce = 500;
        using var peer = new PeerSocket();
        await using TestGuest guest = await TestGuest.StartAsync(new GuestOptions
        {
            Modules = "virtio_net",
            QemuArguments = $"-device virtio-net-pci,mac={Mac},netdev=n0,romfile= {peer.Netdev} -object filter-dump,id=own,netdev=n0,file={peer.File("own")},maxlen=262144",
        });
        using VmiMachine machine = MachineConnector.OpenProcess(guest.ProcessId, VmiLimits.Default);
        string before = QemuState.Describe(machine);
        var file = new Output(true, peer.File("ours"));
        DateTime start = DateTime.UtcNow;
        using var set = new StreamSet([Net], [file]);
        using (StreamProbeRunner.Start(machine, Probe(Net), set))
        using (StreamProbeRunner.Start(machine, Probe(file) with { Id = 6 }, set))
        {
            await guest.CommandAsync("net up eth0");
            for (int sent = 0; sent < Each; sent += AtOnce)
            {
                int first = sent;
                Task injecting = Task.Run(() =>
                {
                    for (int i = first; i < first + AtOnce; i++)
                        peer.Send(PeerSocket.Frame(i, 60 + i % 1400));
                });
                await guest.CommandAsync($"net send eth0 {AtOnce} 700");
                await injecting;
                IdleQemu.Await(() => Math.Min(set.Find("net")!.Written, set.Files.Single().Written) >= 2 * (first + AtOnce));
            }
            // The device works on behind the socket and the guest's call.
            IdleQemu.Await(() => FramesOf(peer.File("own")).Count(f => f.Length == 700 || f.Bytes[13] == 0xb6) >= 2 * Each && peer.Received >= Each);
        }
        set.Complete();
        List<PcapFrame> own = FramesOf(peer.File("own")), inFile = FramesOf(peer.File("ours"));
        List<VmiRecord> records = ReadAll(set.Find("net")!);
        Assert.Equal([], records.Where(r => r is not FrameRecord).Select(r => $"{r.GetType().Name} behind {r.Sequence} frames: {r.Error}"));
        FrameRecord[] frames = [.. records.Cast<FrameRecord>()];
        Assert.InRange(frames.Length, 2 * Each, own.Count);
        for (int i = 0; i < frames.Length; i++)
        {
            Assert.True(own[i].Bytes.AsSpan().SequenceEqual(frames[i].Frame), $"frame {i} differs");
            Assert.Equal((i, 5, "wire", "CaptureNetwork", "CaptureNetwork", -1, "net", machine.Name, (string?)null),
                (frames[i].Sequence, frames[i].ProbeId, frames[i].Label, frames[i].Event, frames[i].Probe, frames[i].Vcpu, frames[i].Stream, frames[i].Machine, frames[i].Error));
        }
        Assert.InRange(inFile.Count, 2 * Each, own.Count);
        for (int i = 0; i < inFile.Count; i++)
            Assert.True(own[i].Bytes.AsSpan().SequenceEqual(inFile[i].Bytes), $"frame {i} of the file differs");
        // Numbered frames of either side, each once.
        Assert.Equal(Enumerable.Range(0, Each), frames.Where(f => f.Frame[13] == 0xb6 && f.Frame[12] == 0x88).Select(f => Number(f.Frame)));
        Assert.Equal(Enumerable.Range(0, Each).Select(i => i % AtOnce), frames.Where(f => f.Frame[13] == 0xb5 && f.Frame[12] == 0x88).Select(f => Number(f.Frame)));
        Assert.All(frames, f => Assert.InRange(f.Time, start, DateTime.UtcNow));
        Assert.Equal(frames.Select(f => f.Time).Order(), frames.Select(f => f.Time));
        Assert.Equal((0, 0), (set.LostOf(5), set.LostOf(6)));
        Assert.Equal(before, QemuState.Describe(machine));

        for (int round = 0; round < 20; round++)
        {
            using var small = new StreamSet([Net]);
            using (StreamProbeRunner.Start(machine, Probe(Net), small))
            {
                peer.Send(PeerSocket.Frame(round, 100));
                IdleQemu.Await(() => small.Find("net")!.Waiting > 0);
            }
            Assert.Equal(round, Number(ReadAll(small.Find("net")!).Cast<FrameRecord>().First(f => f.Frame[13] == 0xb6).Frame));
        }
        Assert.Equal(before, QemuState.Describe(machine));
        Assert.Equal("running", machine.QueryState().ToString(), ignoreCase: true);
    }

    private static int Number(byte[] frame) => System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(14));

    // A card that takes frames without a driver, so that no guest is needed.
    private static IdleQemu Start(PeerSocket peer)
    {
        var qemu = new IdleQemu($"-m 32 {IdleQemu.Qmp} -device ne2k_pci,mac={Mac},netdev=n0,romfile= {peer.Netdev}");
        using VmiMachine machine = qemu.Open();
        machine.GetMonitor().Resume();
        return qemu;
    }

    [Fact]
    public void A_reader_that_hangs_stalls_nobody_and_the_gap_is_told_when_it_comes_back()
    {
        using var peer = new PeerSocket();
        using IdleQemu qemu = Start(peer);
        using VmiMachine machine = qemu.Open();
        string before = QemuState.Describe(machine);
        using var sink = new HangingSink();
        using (NetworkCapture.Start(machine, Mac, sink))
        {
            // More than is kept: a QEMU that waited would take no more, and its monitor would say nothing.
            for (int i = 0; i < 60_000; i++)
                peer.Send(PeerSocket.Frame(i, 1400));
            Assert.Equal(MachineState.Running, machine.QueryState());
            sink.Release();
            IdleQemu.Await(() => !sink.Troubles.IsEmpty);
            peer.Send(PeerSocket.Frame(77_777, 60));
            IdleQemu.Await(() => sink.Frames.Contains(77_777));
        }
        Assert.Contains("begun anew", Assert.Single(sink.Troubles), StringComparison.Ordinal);
        int[] frames = [.. sink.Frames];
        Assert.Equal(Enumerable.Range(0, frames.Length - 1), frames[..^1]);
        Assert.Equal(before, QemuState.Describe(machine));
    }

    [Fact]
    public async Task A_gap_that_is_met_only_when_the_capture_ends_is_told_too()
    {
        using var peer = new PeerSocket();
        using IdleQemu qemu = Start(peer);
        using VmiMachine machine = qemu.Open();
        string before = QemuState.Describe(machine);
        using var sink = new HangingSink();
        NetworkCapture capture = NetworkCapture.Start(machine, Mac, sink);
        for (int i = 0; i < 60_000; i++)
            peer.Send(PeerSocket.Frame(i, 1400));
        Task end = Task.Run(capture.Dispose, TestContext.Current.CancellationToken);
        IdleQemu.Await(() => QemuState.Describe(machine) == before);
        sink.Release();
        await end;
        Assert.Contains("are missing", Assert.Single(sink.Troubles), StringComparison.Ordinal);
        int[] frames = [.. sink.Frames];
        Assert.InRange(frames.Length, 1, 59_999);
        Assert.Equal(Enumerable.Range(0, frames.Length), frames);
    }

    [Fact]
    public void A_reader_that_dies_costs_QEMU_nothing()
    {
        using var peer = new PeerSocket();
        using IdleQemu qemu = Start(peer);
        using VmiMachine machine = qemu.Open();
        using (var pipe = new VmiPl.Streams.QemuPipe(qemu.Process.Id))
        {
            Assert.Empty(machine.GetMonitor().HumanCommand($"object_add filter-dump,id=vmipl-x,netdev=n0,file={pipe.QemuPath}").Trim());
            pipe.Secure();
            Assert.False(File.Exists(pipe.QemuPath));
        }
        for (int i = 0; i < 2000; i++)
            peer.Send(PeerSocket.Frame(i, 1400));
        Assert.Equal(MachineState.Running, machine.QueryState());
        Assert.False(qemu.Process.HasExited);
    }

    [Fact]
    public void A_consumer_that_is_gone_loses_frames_but_no_count_of_them_even_under_Block()
    {
        using var peer = new PeerSocket();
        using IdleQemu qemu = Start(peer);
        using VmiMachine machine = qemu.Open();
        var set = new StreamSet([Net], options: new StreamOptions { Capacity = 100, OnFull = FullPolicy.Block, BlockTimeout = TimeSpan.FromSeconds(1) });
        RecordStream stream = set.Find("net")!;
        using (StreamProbeRunner.Start(machine, Probe(Net), set))
        {
            for (int i = 0; i < 5000; i++)
                peer.Send(PeerSocket.Frame(i, 200));
            IdleQemu.Await(() => stream.Written >= 5000);
        }
        set.Complete();
        List<VmiRecord> records = ReadAll(stream);
        Assert.Equal(5000, records.Sum(r => r is LossRecord loss ? loss.Lost : 1));
        Assert.Equal(stream.Lost, records.OfType<LossRecord>().Sum(l => l.Lost));
        Assert.Equal(100, records.OfType<FrameRecord>().Count());
    }

    [Fact]
    public void The_end_of_QEMU_ends_the_capture_and_is_told()
    {
        using var peer = new PeerSocket();
        using IdleQemu qemu = Start(peer);
        using VmiMachine machine = qemu.Open();
        using var set = new StreamSet([Net]);
        using (StreamProbeRunner.Start(machine, Probe(Net), set))
        {
            qemu.Process.Kill();
            qemu.Process.WaitForExit();
            IdleQemu.Await(() => set.Find("net")!.Waiting > 0);
        }
        NoticeRecord notice = Assert.IsType<NoticeRecord>(Assert.Single(ReadAll(set.Find("net")!)));
        Assert.Contains("is gone", notice.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_address_that_no_NIC_has_leaves_QEMU_as_it_was()
    {
        using var peer = new PeerSocket();
        using IdleQemu qemu = Start(peer);
        using VmiMachine machine = qemu.Open();
        string before = QemuState.Describe(machine);
        using var set = new StreamSet([Net]);
        var e = Assert.Throws<VmiException>(() => StreamProbeRunner.Start(machine, Probe(Net, "52:54:00:00:00:99"), set));
        Assert.Contains(Mac, e.Message, StringComparison.Ordinal);
        Assert.Equal(before, QemuState.Describe(machine));
    }

    private sealed class HangingSink : ICaptureSink, IDisposable
    {
        private readonly ManualResetEventSlim _go = new();

        public ConcurrentQueue<int> Frames { get; } = [];

        public ConcurrentQueue<string> Troubles { get; } = [];

        public void Release() => _go.Set();

        public void Frame(PcapFrame frame)
        {
            _go.Wait();
            Frames.Enqueue(Number(frame.Bytes));
        }

        public void Lost(long count) => Assert.Fail("a dump does not count");

        public void Trouble(string text) => Troubles.Enqueue(text);

        public void Dispose() => _go.Dispose();
    }
}
