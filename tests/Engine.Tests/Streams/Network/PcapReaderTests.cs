using System.Buffers.Binary;
using VmiPl.Streams.Network;

namespace VmiPl.Tests.Streams.Network;

public sealed class PcapReaderTests
{
    internal static byte[] Header(bool bigEndian, bool nanoseconds, uint link = 1)
    {
        byte[] header = new byte[24];
        Put(header, 0, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, bigEndian);
        Put(header, 20, link, bigEndian);
        return header;
    }

    internal static byte[] Record(byte[] frame, uint length, uint seconds, uint fraction, bool bigEndian)
    {
        byte[] record = new byte[16 + frame.Length];
        Put(record, 0, seconds, bigEndian);
        Put(record, 4, fraction, bigEndian);
        Put(record, 8, (uint)frame.Length, bigEndian);
        Put(record, 12, length, bigEndian);
        frame.CopyTo(record, 16);
        return record;
    }

    private static void Put(byte[] to, int at, uint value, bool bigEndian)
    {
        if (bigEndian)
            BinaryPrimitives.WriteUInt32BigEndian(to.AsSpan(at), value);
        else
            BinaryPrimitives.WriteUInt32LittleEndian(to.AsSpan(at), value);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Frames_come_out_whole_however_the_stream_is_cut(bool bigEndian, bool nanoseconds)
    {
        var random = new Random(1);
        var frames = new List<byte[]>();
        var stream = new List<byte>(Header(bigEndian, nanoseconds));
        for (uint i = 0; i < 300; i++)
        {
            byte[] frame = new byte[random.Next(0, i % 50 == 0 ? 200_000 : 1600)];
            random.NextBytes(frame);
            frames.Add(frame);
            stream.AddRange(Record(frame, (uint)frame.Length + i % 3, 1_700_000_000 + i, nanoseconds ? 123_456_700u : 123_456u, bigEndian));
        }
        byte[] bytes = [.. stream];
        foreach (int largest in (int[])[1, 7, 1000, 100_000, int.MaxValue])
        {
            var got = new List<PcapFrame>();
            var reader = new PcapReader();
            int limit = largest == 1 ? 20_000 : bytes.Length;
            for (int at = 0; at < limit;)
            {
                int size = Math.Min(limit - at, random.Next(1, largest));
                reader.Feed(bytes.AsSpan(at, size), got.Add);
                at += size;
            }
            Assert.Null(reader.Error);
            Assert.Equal(largest == 1 ? got.Count : frames.Count, got.Count);
            for (int i = 0; i < got.Count; i++)
            {
                Assert.True(frames[i].AsSpan().SequenceEqual(got[i].Bytes));
                Assert.Equal(i % 3 != 0, got[i].IsTruncated);
                Assert.Equal(DateTime.UnixEpoch.AddSeconds(1_700_000_000 + i).AddTicks(1_234_567 - (nanoseconds ? 0 : 7)), got[i].Time);
            }
        }
    }

    [Fact]
    public void What_is_no_pcap_stream_of_Ethernet_is_said_and_nothing_more_is_read()
    {
        foreach ((byte[] bytes, string word) in new[]
                 {
                     (new byte[30], "0x00000000"), (Header(false, false, 113), "113"),
                     ([.. Header(false, false), .. Record([], 0, 0, 0, false)[..8], 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0], "2147483647"),
                 })
        {
            var reader = new PcapReader();
            reader.Feed(bytes, _ => Assert.Fail("no frame is in it"));
            Assert.Contains(word, reader.Error, StringComparison.Ordinal);
            reader.Feed([.. Header(false, false), .. Record([1], 1, 0, 0, false)], _ => Assert.Fail("it is broken"));
        }
    }

    [Fact]
    public void Random_and_mutated_streams_do_no_harm()
    {
        var random = new Random(2);
        byte[] good = [.. Header(false, false), .. Enumerable.Range(0, 20).SelectMany(i => Record(new byte[i * 10], (uint)i * 10, 1, 1, false))];
        int frames = 0;
        for (int i = 0; i < 50_000; i++)
        {
            byte[] bytes = [.. good];
            if (i % 4 == 0)
                random.NextBytes(bytes);
            if (i % 8 == 0)
                good.AsSpan(0, 24).CopyTo(bytes);
            for (int n = random.Next(8); n > 0; n--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            var reader = new PcapReader();
            int cut = random.Next(bytes.Length);
            reader.Feed(bytes.AsSpan(0, cut), f => frames += f.Length >= f.Bytes.Length ? 1 : throw new InvalidOperationException());
            reader.Feed(bytes.AsSpan(cut), f => frames += f.Length >= f.Bytes.Length ? 1 : throw new InvalidOperationException());
            Assert.True(reader.PendingBytes <= bytes.Length);
        }
        Assert.True(frames > 100_000, $"only {frames} frames came out");
    }
}
