using System.Diagnostics;
using System.Globalization;

using System.Text.Json;
using VmiPl.Errors;
using VmiPl.Language.Model;
using VmiPl.Streams;
using VmiPl.Streams.Network;
using VmiPl.Streams.Packets;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Streams.Files;

public sealed class FileOutputTests : IDisposable
{
    private static readonly DateTime Noon = new(2026, 5, 4, 12, 0, 0, DateTimeKind.Utc);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static TextRecord Text(long sequence, string text = "x") =>
        new() { Time = Noon, Sequence = sequence, Machine = "web01", Vcpu = 1, ProbeId = 4, Label = "opens", Event = "Syscall", Probe = "ReadString", Address = 0x1000, Text = text, Stream = "f" };

    private static FrameRecord Frame(byte seed, int bytes) =>
        new() { Time = Noon.AddTicks(70 + seed * 10), Frame = [.. Enumerable.Range(0, bytes).Select(i => (byte)(i + seed))], Length = bytes, Event = "CaptureNetwork" };

    private static Output File(string name) => new(true, name);

    private StreamOptions Options => new() { BaseFolder = _folder.FullName };

    [Fact]
    public void Records_of_every_kind_go_to_JSON_lines_with_all_that_they_have()
    {
        Output output = File("a.jsonl");
        VmiRecord[] records =
        [
            Text(0, "a\u0007\n\u202eb"),
            new RegisterRecord { Register = "RAX", Value = ulong.MaxValue },
            new MemoryRecord { Address = 0xffffffff81000000, Size = 3, Bytes = [1, 0xfe, 0] },
            new ProcessRecord { ProcessId = 1, Name = "in\"it", Path = "/sbin/init" },
            new VmcsRecord { ExitReason = 5 }, new PauseRecord(), new FailureRecord { Error = "no" }, new LossRecord { Lost = 3 },
            new FrameRecord { Frame = [0xab, 0xcd], Packet = new VmiPacket { Protocol = "DNS", QueryNames = ["a.b"] } },
            new KeyRecord { Key = "ret", IsPressed = true }, new NoticeRecord { Text = "t" },
        ];
        using (var set = new StreamSet([output], options: Options))
        {
            foreach (VmiRecord record in records)
                set.Write(output, record);
        }
        string[] lines = System.IO.File.ReadAllLines(_folder.File("a.jsonl"));
        Assert.Equal(records.Length, lines.Length);
        for (int i = 0; i < lines.Length; i++)
        {
            using JsonDocument json = JsonDocument.Parse(lines[i]);
            Assert.Equal(
                records[i].GetType().GetProperties().Where(p => p.Name != "EqualityContract").Select(p => p.Name).Order(),
                json.RootElement.EnumerateObject().Select(p => p.Name).Order());
        }
        Assert.All(lines, line => Assert.DoesNotContain(line, c => c is < ' ' or > '~'));
        JsonElement first = JsonDocument.Parse(lines[0]).RootElement;
        Assert.Equal("a\u0007\n\u202eb", first.GetProperty("Text").GetString());
        Assert.Equal("2026-05-04T12:00:00Z", first.GetProperty("Time").GetString());
        Assert.Equal("01fe00", JsonDocument.Parse(lines[2]).RootElement.GetProperty("Bytes").GetString());
        Assert.Equal("abcd", JsonDocument.Parse(lines[8]).RootElement.GetProperty("Frame").GetString());
        Assert.Equal("a.b", JsonDocument.Parse(lines[8]).RootElement.GetProperty("Packet").GetProperty("QueryNames")[0].GetString());
    }

    [Fact]
    public void Text_lines_show_control_characters_as_dots()
    {
        Output output = File("a.txt");
        using (var set = new StreamSet([output], options: Options))
        {
            set.Write(output, Text(0, "a\u001b[31m\r\n\u202eb") with { Error = "cut\noff" });
            set.Write(output, new KeyRecord { Time = Noon, Vcpu = -1, Event = "CaptureKeyboardInput", Probe = "CaptureKeyboardInput", Key = "a", IsPressed = true });
        }
        Assert.Equal(
            "2026-05-04T12:00:00.0000000Z opens: Syscall vCPU 1 ReadString 0x1000 a.[31m...b [cut.off]\n" +
            "2026-05-04T12:00:00.0000000Z CaptureKeyboardInput CaptureKeyboardInput a pressed\n",
            System.IO.File.ReadAllText(_folder.File("a.txt")));
    }

    [Fact]
    public void Files_are_the_users_alone_appended_to_or_replaced()
    {
        Output output = File("a.txt");
        string path = _folder.File("a.txt");
        using (var set = new StreamSet([output], options: Options))
            set.Write(output, Text(0));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(path));
        System.IO.File.AppendAllText(path, "half a li");
        using (var set = new StreamSet([output], options: Options))
            set.Write(output, Text(1));
        string[] lines = System.IO.File.ReadAllLines(path);
        Assert.Equal(3, lines.Length);
        Assert.Equal("half a li", lines[1]);
        using (var set = new StreamSet([output], options: Options with { ExistingFile = ExistingFile.Replace }))
            set.Write(output, Text(2));
        Assert.Single(System.IO.File.ReadAllLines(path));
    }

    [Fact]
    public void A_file_is_written_while_the_session_runs_and_one_with_two_names_is_opened_once()
    {
        Output one = File("a.txt"), other = File("./x/../a.txt");
        using var set = new StreamSet([one, other], options: Options);
        set.Write(one, Text(0));
        set.Write(other, Text(1));
        Assert.True(SpinWait.SpinUntil(() => System.IO.File.ReadAllText(_folder.File("a.txt")).Count(c => c == '\n') == 2, TimeSpan.FromSeconds(30)));
        Assert.Single(set.Files);
    }

    [Theory]
    [InlineData("no/such/folder/a.txt", VmiErrorCode.FileFailure)]
    [InlineData(".", VmiErrorCode.FileFailure)]
    [InlineData("a\0b", VmiErrorCode.InvalidArgument)]
    [InlineData("records.pcap", VmiErrorCode.InvalidArgument)]
    [InlineData("both.txt", VmiErrorCode.InvalidArgument)]
    public void What_cannot_be_opened_is_told_at_once_with_its_path(string name, VmiErrorCode code)
    {
        var e = Assert.Throws<VmiException>(() => new StreamSet([File("good.txt"), File(name)], [File("./both.txt")], Options));
        Assert.Equal(code, e.Code);
        Assert.Contains(name.Split('/')[^1], e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Frames_make_a_pcap_file_whatever_its_name_and_later_ones_follow()
    {
        Output output = File("frames.txt");
        string path = _folder.File("frames.txt");
        var written = new List<FrameRecord>();
        for (byte session = 0; session < 3; session++)
        {
            using var set = new StreamSet([], [output], Options);
            for (byte i = 0; i < 50; i++)
            {
                written.Add(Frame((byte)(session * 50 + i), 60 + i));
                set.Write(output, written[^1]);
            }
            set.Complete();
            // A writer that died in the middle of a frame.
            if (session == 1)
                System.IO.File.AppendAllBytes(path, System.IO.File.ReadAllBytes(path)[24..60]);
        }
        var frames = new List<PcapFrame>();
        var reader = new PcapReader();
        reader.Feed(System.IO.File.ReadAllBytes(path), frames.Add);
        Assert.Null(reader.Error);
        Assert.Equal(0, reader.PendingBytes);
        Assert.Equal(written.Select(f => (f.Time, Convert.ToHexString(f.Frame))), frames.Select(f => (f.Time, Convert.ToHexString(f.Bytes))));
    }

    [Fact]
    public void Frames_are_not_appended_to_a_file_that_is_no_pcap_file()
    {
        System.IO.File.WriteAllText(_folder.File("frames.pcap"), "some text that is long enough to hold a header");
        var e = Assert.Throws<VmiException>(() => new StreamSet([], [File("frames.pcap")], Options));
        Assert.Equal(VmiErrorCode.FileFailure, e.Code);
        Assert.Contains("pcap", e.Message, StringComparison.Ordinal);
        Assert.StartsWith("some text", System.IO.File.ReadAllText(_folder.File("frames.pcap")), StringComparison.Ordinal);
    }

    [Fact]
    public void Losses_of_a_pcap_file_are_told_in_the_default_stream_and_counted_once()
    {
        Output output = File("f.pcap");
        using var set = new StreamSet([], [output], Options);
        set.Write(output, Frame(1, 60) with { ProbeId = 7 });
        set.Write(output, new LossRecord { ProbeId = 7, Sequence = 1, Lost = 5 });
        set.Complete();
        RecordStream notices = set.Find("default")!;
        Assert.True(notices.TryRead(out VmiRecord record));
        Assert.Equal(5, Assert.IsType<LossRecord>(record).Lost);
        Assert.Equal(5, set.LostOf(7));
    }

    [Fact]
    public void A_full_disk_is_told_once_and_costs_only_what_could_not_wait()
    {
        var output = new Output(true, "/dev/full");
        using var set = new StreamSet([output], options: Options with { Capacity = 10, BlockTimeout = TimeSpan.FromSeconds(30) });
        set.Write(output, Text(0));
        RecordStream notices = set.Find("default")!;
        Assert.True(SpinWait.SpinUntil(() => notices.Waiting > 0, TimeSpan.FromSeconds(30)));
        for (int i = 1; i < 100; i++)
            set.Write(output, Text(i));
        set.Complete();
        Assert.True(notices.TryRead(out VmiRecord notice));
        Assert.Contains("/dev/full", Assert.IsType<NoticeRecord>(notice).Error, StringComparison.Ordinal);
        Assert.False(notices.TryRead(out _));
        RecordStream file = Assert.Single(set.Files);
        Assert.Equal((100, 100, 0, 100), (file.Written, file.Lost, file.Read, set.LostOf(4)));
    }

    [Fact]
    public void After_a_full_disk_the_file_goes_on_with_whole_lines_and_says_what_is_missing()
    {
        string mount = Directory.CreateDirectory(_folder.File("small")).FullName;
        // What is written in one piece, 256 KiB at most, fits when the ballast is gone, and not before.
        if (Run("mount", "-t", "tmpfs", "-o", "size=1m", "none", mount) != 0)
            Assert.Skip("needs the right to mount a tmpfs");
        try
        {
            string ballast = Path.Combine(mount, "ballast");
            System.IO.File.WriteAllBytes(ballast, new byte[900 * 1024]);
            Output output = File("small/a.txt");
            using var set = new StreamSet([output], options: Options with { Capacity = 50, BlockTimeout = TimeSpan.FromSeconds(30) });
            RecordStream file = set.Files.Single(), notices = set.Find("default")!;
            int written = 0;
            while (notices.Waiting == 0)
            {
                set.Write(output, Text(written++, new string('y', 700)));
                Assert.True(written < 1_000_000);
            }
            while (file.Lost < 25)
                set.Write(output, Text(written++, "z"));
            System.IO.File.Delete(ballast);
            Assert.True(SpinWait.SpinUntil(() => file.Waiting == 0, TimeSpan.FromSeconds(30)));
            set.Write(output, Text(written++, "last"));
            set.Complete();
            string[] lines = System.IO.File.ReadAllLines(Path.Combine(mount, "a.txt"));
            Assert.All(lines, line => Assert.StartsWith("2026-05-04T12:00:00.0000000Z opens: Syscall", line, StringComparison.Ordinal));
            string[] missing = [.. lines.Where(l => l.EndsWith("are missing here", StringComparison.Ordinal))];
            Assert.Equal(file.Lost, missing.Sum(l => long.Parse(l.Split(' ')[5], CultureInfo.InvariantCulture)));
            Assert.Equal(written, lines.Length - missing.Length + file.Lost);
            Assert.EndsWith("last", lines[^1], StringComparison.Ordinal);
            Assert.Equal(1, notices.Written);
        }
        finally
        {
            Run("umount", mount);
        }
    }

    [Fact]
    public void A_FIFO_that_nobody_reads_holds_nobody()
    {
        Assert.Equal(0, Run("mkfifo", _folder.File("pipe.txt")));
        Output output = File("pipe.txt");
        using (var set = new StreamSet([output], options: Options with { Capacity = 10 }))
        {
            for (int i = 0; i < 2000; i++)
                set.Write(output, Text(i, new string('w', 500)));
        }
    }

    private static int Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
