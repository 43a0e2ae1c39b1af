using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Probes.Shim;
using VmiPl.Probes.Shim.Abi;

namespace VmiPl.Tests.Probes.Shim;

public sealed class ShimRingTests
{
    private const int Bytes = 1 << 16;
    private static readonly int Head = Unsafe.SizeOf<AbiRecord>();

    [Fact]
    public void Records_of_any_length_come_as_they_were_written_however_often_the_ring_turns()
    {
        using var made = new TestRing(Bytes);
        using ShimRing ring = Open(made);
        var random = new Random(7);
        var waiting = new Queue<(uint Probe, ulong Sequence, byte[] Bytes)>();
        int taken = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = new byte[random.Next(random.Next(4) == 0 ? 6000 : 60)];
            random.NextBytes(bytes);
            var record = new AbiRecord { Probe = (uint)i % 7, Sequence = (ulong)i, Schema = 3, Vcpu = 1, Time = 12345 };
            if (made.TryWrite(record, bytes))
                waiting.Enqueue((record.Probe, record.Sequence, bytes));
            if (random.Next(3) != 0)
                continue;
            while (random.Next(12) != 0 && ring.TryTake(out AbiRecord got, out ReadOnlySpan<byte> content))
            {
                (uint probe, ulong sequence, byte[] expected) = waiting.Dequeue();
                Assert.Equal((probe, sequence, 3u, 1, 12345ul), (got.Probe, got.Sequence, got.Schema, got.Vcpu, got.Time));
                Assert.True(content.SequenceEqual(expected));
                taken++;
            }
        }
        while (ring.TryTake(out _, out ReadOnlySpan<byte> content))
            Assert.True(content.SequenceEqual(waiting.Dequeue().Bytes));
        Assert.Empty(waiting);
        Assert.True(taken > 1000);
        ring.Release();
        Assert.Equal(made.Head, made.Tail);
    }

    [Fact]
    public void A_record_that_is_being_written_is_waited_for_with_all_behind_it()
    {
        using var made = new TestRing(Bytes);
        using ShimRing ring = Open(made);
        made.TryWrite(1, [1, 2, 3]);
        made.TryWrite(1, [4]);
        made.Put(TestRing.RingAt, 0u);
        Assert.False(ring.TryTake(out _, out _));
        made.Put(TestRing.RingAt, AbiNumbers.Whole);
        Assert.True(ring.TryTake(out _, out ReadOnlySpan<byte> first));
        Assert.Equal([1, 2, 3], first.ToArray());
        Assert.True(ring.TryTake(out _, out _));
        Assert.False(ring.TryTake(out _, out _));
    }

    [Fact]
    public void What_was_taken_is_a_copy()
    {
        using var made = new TestRing(Bytes);
        using ShimRing ring = Open(made);
        made.TryWrite(1, [1, 2, 3]);
        Assert.True(ring.TryTake(out _, out ReadOnlySpan<byte> bytes));
        made.Bytes[TestRing.RingAt..].Fill(0xee);
        Assert.Equal([1, 2, 3], bytes.ToArray());
    }

    [Fact]
    public async Task Whoever_waits_is_woken_and_sees_every_record()
    {
        const int Records = 200_000;
        using var made = new TestRing(Bytes);
        using ShimRing ring = Open(made);
        using var stop = new EventSignal();
        Task writer = Task.Run(() =>
        {
            for (int i = 0; i < Records;)
            {
                if (made.TryWrite(new AbiRecord { Sequence = (ulong)i }, [1, 2, 3, 4, 5]))
                    i++;
                else
                    Thread.Yield();
                made.Wake();
            }
        });
        for (ulong next = 0; next < Records;)
        {
            while (ring.TryTake(out AbiRecord record, out _))
                Assert.Equal(next++, record.Sequence);
            if (next < Records)
                ring.Wait(stop, 60_000);
        }
        await writer;
    }

    [Fact]
    public void A_wait_ends_when_it_is_told_to()
    {
        using var made = new TestRing(Bytes);
        using ShimRing ring = Open(made);
        using var stop = new EventSignal();
        stop.Set();
        ring.Wait(stop, int.MaxValue);
        Assert.False(made.IsWaitedFor);
        ring.Nap(stop, int.MaxValue);
    }

    public static TheoryData<string> Lies => ["too small", "too large", "no multiple", "over the end", "over the head", "more inside", "kind", "head too far", "head behind", "head odd", "cut head", "in the rest"];

    [Theory]
    [MemberData(nameof(Lies))]
    public void What_no_shim_writes_is_an_error_and_never_more(string lie)
    {
        using var made = new TestRing(Bytes);
        using ShimRing ring = Open(made);
        made.TryWrite(1, [1, 2, 3, 4, 5, 6, 7, 8]);
        var record = new AbiRecord { State = AbiNumbers.Whole, Size = 48, Bytes = 8 };
        void Put(AbiRecord lying) => made.Put(TestRing.RingAt, lying);
        switch (lie)
        {
            case "too small": Put(record with { Size = 32 }); break;
            case "too large": Put(record with { Size = 0xfffffff8 }); break;
            case "no multiple": Put(record with { Size = 44 }); break;
            case "over the end": Put(record with { Size = Bytes + 8 }); made.Head = Bytes; break;
            case "over the head": Put(record with { Size = 56 }); break;
            case "more inside": Put(record with { Bytes = 9 }); break;
            case "kind": Put(record with { Kind = (AbiRecordKind)6 }); break;
            case "head too far": made.Head = Bytes + 8; break;
            case "head behind": made.Head = ulong.MaxValue - 7; break;
            case "head odd": made.Head = 47; break;
            case "cut head": made.Head = 32; break;
            default:
                Put(record with { Size = Bytes - 16, Kind = AbiRecordKind.Pad });
                made.Head = Bytes - 8;
                break;
        }
        Assert.Equal(VmiErrorCode.ShimLost, Assert.Throws<VmiException>(() =>
        {
            while (ring.TryTake(out _, out _))
            {
            }
        }).Code);
    }

    [Theory]
    [InlineData("unsealed")]
    [InlineData("magic")]
    [InlineData("version")]
    [InlineData("size")]
    [InlineData("ring outside")]
    [InlineData("counters outside")]
    [InlineData("ring over the head")]
    [InlineData("odd tail")]
    [InlineData("short")]
    public void Memory_that_is_no_ring_is_refused(string lie)
    {
        using var made = new TestRing(Bytes, isSealed: lie != "unsealed");
        var head = new AbiRing { Magic = AbiNumbers.ShimMagic, Abi = AbiNumbers.ShimAbi, CountersAt = TestRing.CountersAt, RingAt = TestRing.RingAt, RingBytes = Bytes };
        made.Put(0, lie switch
        {
            "magic" => head with { Magic = 1 },
            "version" => head with { Abi = 99 },
            "size" => head with { RingBytes = Bytes * 2 },
            "ring outside" => head with { RingAt = TestRing.RingAt + 8 },
            "counters outside" => head with { CountersAt = 0xfffffff8 },
            "ring over the head" => head with { RingAt = 64 },
            "odd tail" => head with { Tail = 4 },
            _ => head,
        });
        using SafeFileHandle file = lie == "short" ? SharedFiles.Memory(64) : SharedFiles.Memory(0);
        VmiException error = Assert.Throws<VmiException>(() => ShimRing.Open(lie == "short" ? file : made.File, made.Signal, Bytes));
        Assert.Equal(VmiErrorCode.ShimLost, error.Code);
    }

    /// <summary>Random damage to what a shim has written: records or one clear error, and never an end that nobody comes to. <c>VMIPL_FUZZ_SECONDS</c> has it go on for
    /// longer.</summary>
    [Fact]
    public void Random_rings_end_in_records_or_in_one_error()
    {
        using var made = new TestRing(Bytes);
        var random = new Random(2024);
        long errors = 0, records = 0;
        int seconds = int.Parse(Environment.GetEnvironmentVariable("VMIPL_FUZZ_SECONDS") ?? "0", CultureInfo.InvariantCulture);
        long end = Stopwatch.GetTimestamp() + seconds * Stopwatch.Frequency, rounds = 0;
        for (; rounds < 3000 || Stopwatch.GetTimestamp() < end; rounds++)
        {
            made.Reset();
            using ShimRing ring = Open(made);
            // Rings are unmapped when they are collected, and a process has 65,530 mappings at most (vm.max_map_count).
            if (rounds % 10_000 == 9_999)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
            for (int i = 0; i < 40; i++)
                made.TryWrite(i, new byte[random.Next(100)]);
            for (int i = random.Next(12); i > 0; i--)
                made.Bytes[TestRing.RingAt + random.Next(4000)] = (byte)random.Next(256);
            if (random.Next(4) == 0)
                made.Head = random.Next(2) == 0 ? (ulong)random.NextInt64() : made.Head + (ulong)random.Next(200_000);
            try
            {
                for (int i = 0; i < Bytes / Head + 1 && ring.TryTake(out AbiRecord record, out ReadOnlySpan<byte> bytes); i++)
                {
                    Assert.Equal((int)record.Bytes, bytes.Length);
                    records++;
                }
            }
            catch (VmiException e)
            {
                Assert.Equal(VmiErrorCode.ShimLost, e.Code);
                errors++;
            }
        }
        TestContext.Current.SendDiagnosticMessage($"{rounds} rings, {records} records, {errors} errors");
        Assert.True(errors > 100 && records > 10_000);
    }

    [Fact]
    public void Counters_are_those_of_the_probe()
    {
        using var made = new TestRing(Bytes);
        using ShimRing ring = Open(made);
        made.Count(5, new AbiCounters { Hits = 7, Body = 2 });
        Assert.Equal((7ul, 2u), (ring.CountersOf(5).Hits, ring.CountersOf(5).Body));
        Assert.Equal(0ul, ring.CountersOf(4).Hits);
        Assert.Equal(0ul, ring.CountersOf(-1).Hits);
        Assert.Equal(0ul, ring.CountersOf(AbiNumbers.MaxProbes).Hits);
    }

    private static ShimRing Open(TestRing made) => ShimRing.Open(made.File, SharedFiles.Duplicate(made.Signal), Bytes);
}
