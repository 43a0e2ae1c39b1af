using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using VmiPl.Compilation;
using VmiPl.Compilation.Bytecode;
using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Language;
using VmiPl.Language.Model;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Probes;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Shim;
using VmiPl.Probes.Shim.Abi;
using VmiPl.Streams;
using VmiPl.Tests.Probes.Placement;

namespace VmiPl.Tests.Probes.Shim;

/// <summary>The driver against the other end of its conversation.</summary>
public sealed class ShimDriverTests : IDisposable
{
    private const int RingBytes = 1 << 16;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly SyntheticText _text = new();
    private readonly FakeShim _shim = new(RingBytes);
    private readonly FakeMachineMonitor _monitor = new();
    private readonly Said _said = new();
    private readonly ulong _place, _other, _data;
    private ShimDriver? _driver;

    public ShimDriverTests()
    {
        _place = _text.Function("place", 0x100, [0x31, 0xc0, 0xc3]);
        _other = _text.Function("other", 0x140, [0x31, 0xc0, 0xc3]);
        // mov [rdi], eax; mov eax, [rdi]
        _text.Function("memory", 0x180, [0x89, 0x07, 0x8b, 0x07, 0xc3]);
        _text.Function("end", 0x200, [0xc3]);
        _data = _text.Image + 0x8000;
    }

    public void Dispose()
    {
        _driver?.Dispose();
        _shim.Dispose();
    }

    [Fact]
    public void A_session_says_all_in_its_order_and_leaves_nothing()
    {
        Start(Execute(0, _place, 1), Watch(1), Requested(2));
        Assert.Equal(
            [AbiRequest.Hello, AbiRequest.Memory, AbiRequest.Memory, AbiRequest.Threads, AbiRequest.Load, AbiRequest.Load, AbiRequest.Load, AbiRequest.Load, AbiRequest.Apply], _shim.AskedTypes);
        FakeState state = _shim.State!;
        Assert.Equal([0u, 1u, 2u], state.Probes.Select(probe => probe.Id));
        Assert.All(state.Probes, probe => Assert.Equal(AbiProbeFlag.Enabled, probe.Flags));
        Assert.Equal([0u, 1u, 2u, 3u], state.Bodies.Select(body => body.Program));
        Assert.Equal([AbiTrap.Access, AbiTrap.Execute], state.Sites.Select(site => site.Trap));
        AbiUse reads = state.Uses[(int)state.Sites.Single(site => site.Trap == AbiTrap.Access).FirstUse];
        Assert.Equal((1u, AbiUseFlag.Reads), (reads.Probe, reads.Flags));
        Assert.Equal(["0x" + _place.ToString("x") + ", debug register"], _driver!.PlacesOf(Execute(0, _place)));
        _driver.Stop();
        Assert.Equal(AbiRequest.End, _shim.AskedTypes[^1]);
        Assert.Empty(_said.Ended);
    }

    [Fact]
    public void Records_come_in_their_order_and_all_of_them_before_the_end()
    {
        Start(Execute(0, _place), Execute(1, _other));
        _shim.Before = message =>
        {
            if (message.Head.Type == (uint)AbiRequest.End)
                _shim.Emit(1, [9], schema: 1);
        };
        byte[] bytes = new byte[8];
        for (int i = 0; i < 500; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes, i);
            _shim.Emit(0, bytes);
        }
        _driver!.Stop();
        Assert.Equal([.. Enumerable.Range(0, 500).Select(i => (0, (long)i, (long)i)), (1, 0, 9)], _said.Records);
    }

    [Fact]
    public async Task Losses_stand_at_their_place_and_those_at_the_end_are_told_too()
    {
        Start(Execute(0, _place));
        _shim.Emit(0, [1]);
        Assert.True(_shim.Ring.TryWrite(new AbiRecord { Kind = AbiRecordKind.Loss, Schema = 5, Sequence = 1, Probe = 0 }, []));
        Assert.True(_shim.Ring.TryWrite(new AbiRecord { Kind = AbiRecordKind.Data, Sequence = 6, Probe = 0 }, [2]));
        _shim.Ring.Wake();
        await Said.AwaitAsync(() => _said.Records.Count == 3);
        Assert.Equal([(0, 0L, 1L), (0, 1L, -5L), (0, 6L, 2L)], _said.Records);
        _shim.Ring.Count(0, new AbiCounters { Hits = 20, Records = 17, Lost = 15 });
        _driver!.Stop();
        Assert.Equal((0, 7L, -10L), _said.Records[^1]);
    }

    [Fact]
    public async Task A_program_that_was_ended_is_told()
    {
        Start(Execute(0, _place));
        Assert.True(_shim.Ring.TryWrite(new AbiRecord { Kind = AbiRecordKind.Ended, Schema = 1, Sequence = 12 }, []));
        _shim.Ring.Wake();
        await Said.AwaitAsync(() => !_said.Notices.IsEmpty);
        Assert.Contains("instruction 12: BudgetSpent", _said.Notices.Single(), StringComparison.Ordinal);
    }

    [Fact]
    public void Counters_are_those_of_the_shim()
    {
        Start(Execute(0, _place, 1));
        _shim.Ring.Count(0, new AbiCounters { Hits = 10, Filtered = 3, Records = 8, Held = 5_000_000, Body = 1 });
        Assert.Equal(new ProbeCounters(10, 3, 8, TimeSpan.FromMilliseconds(5), IsEnabled: true, IsSilent: true, 1), _driver!.CountersOf(0));
        // Whatever stands there.
        _shim.Ring.Count(0, new AbiCounters { Hits = ulong.MaxValue, Held = ulong.MaxValue, Body = uint.MaxValue });
        Assert.Equal((long.MaxValue, int.MaxValue, true), (_driver.CountersOf(0).Hits, _driver.CountersOf(0).Body, _driver.CountersOf(0).IsSilent));
    }

    [Fact]
    public void A_start_that_is_refused_leaves_nothing()
    {
        _shim.Refuses = message => message.Head.Type == (uint)AbiRequest.Apply ? "the guest's bytes are others" : null;
        VmiException refused = Assert.Throws<VmiException>(() => Start(Execute(0, _place)));
        Assert.Equal(VmiErrorCode.TrapRefused, refused.Code);
        Assert.Contains("others", refused.Message, StringComparison.Ordinal);
        _driver!.Dispose();
        Assert.Null(_shim.State);
        Assert.Empty(_said.Ended);
    }

    [Fact]
    public void A_change_applies_whole_or_not_at_all()
    {
        Start(Execute(0, _place), Execute(1, _other));
        var bodies = new Dictionary<int, ImmutableArray<CompiledBody>> { [1] = [Body(), Body()] };
        _shim.Refuses = message => message.Head.Type == (uint)AbiRequest.Apply ? "no" : null;
        Assert.Throws<VmiException>(() => _driver!.Reconfigure(bodies, [(1, 1)]));
        Assert.Equal([AbiRequest.Load, AbiRequest.Load, AbiRequest.Apply, AbiRequest.Unload], _shim.AskedTypes.TakeLast(4));
        Assert.Equal(2u, _shim.Asked[^1].As<AbiNumber>().Number);

        _shim.Refuses = _ => null;
        _driver!.Reconfigure(bodies, [(1, 1), (1, 2)]);
        FakeState state = _shim.State!;
        Assert.Equal([0u, 1u, 2u, 3u], state.Bodies.Select(body => body.Program));
        Assert.Equal([AbiNumbers.Keep, 2u], state.Probes.Select(probe => probe.Body));
        Assert.Equal(2, _driver.CountersOf(1).Body);
    }

    [Fact]
    public void A_probe_that_is_switched_off_has_no_site()
    {
        Start(Execute(0, _place), Execute(1, _other));
        _driver!.Enable(0, false);
        Assert.Equal([_other], _shim.State!.Sites.Select(site => site.Address));
        Assert.Equal([0u, (uint)AbiProbeFlag.Enabled], _shim.State.Probes.Select(probe => (uint)probe.Flags));
        Assert.False(_driver.CountersOf(0).IsEnabled);
        _shim.Refuses = _ => "no";
        Assert.Throws<VmiException>(() => _driver.Enable(0, true));
        Assert.False(_driver.CountersOf(0).IsEnabled);
        _shim.Refuses = _ => null;
        _driver.Enable(0, true);
        Assert.Equal([_place, _other], _shim.State.Sites.Select(site => site.Address).Order());
    }

    [Fact]
    public void Requests_run_the_probes_that_wait_for_them()
    {
        Start(Execute(0, _place), Requested(1), Requested(2));
        Assert.Equal(2, _driver!.Request(7));
        Assert.Equal([1u, 2u], _shim.Asked.Where(message => message.Head.Type == (uint)AbiRequest.Run).Select(message => message.As<AbiRun>().Probe));
        _driver.Enable(2, false);
        Assert.Equal(1, _driver.Request(7));
        Assert.Equal(0, _driver.Request(8));
    }

    [Fact]
    public async Task A_program_pauses_the_machine()
    {
        Start(Execute(0, _place));
        _shim.Notice(AbiNotice.Pause, new AbiPause { Vcpu = 1, Probe = 0, Number = 33 });
        await Said.AwaitAsync(() => _shim.AskedTypes[^1] == AbiRequest.Continue);
        Assert.Equal(1, _monitor.Pauses);
        AbiContinue answer = _shim.Asked[^1].As<AbiContinue>();
        Assert.Equal((1u, 33u), (answer.Vcpu, answer.Number));
    }

    /// <summary>Whoever hears of a pause may resume the machine, which has to be paused by then.</summary>
    [Fact]
    public async Task A_pause_is_told_when_the_machine_is_paused()
    {
        Start(new VmiLimits { ShimRingBytes = RingBytes, ShimTimeout = Patience, ShimAnswerTime = 2 * Patience }, Execute(0, _place));
        ulong time = (ulong)(DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;
        Assert.True(_shim.Ring.TryWrite(new AbiRecord { Kind = AbiRecordKind.Kept, Vcpu = 1, Time = time }, [1]));
        Assert.True(_shim.Ring.TryWrite(new AbiRecord { Kind = AbiRecordKind.Data, Vcpu = 0, Sequence = 1, Time = time }, [2]));
        _shim.Ring.Wake();
        await Said.AwaitAsync(() => !_shim.Ring.IsWaitedFor);
        Assert.Empty(_said.Records);
        int heard = -1;
        _monitor.Pausing = () => heard = _said.Records.Count;
        _shim.Notice(AbiNotice.Pause, new AbiPause { Vcpu = 1, Probe = 0, Number = 33 });
        await Said.AwaitAsync(() => _said.Records.Count == 2);
        Assert.Equal((1, 0), (_monitor.Pauses, heard));
        Assert.Empty(_said.Notices);
        // Nothing is kept of a session that ends.
        Assert.True(_shim.Ring.TryWrite(new AbiRecord { Kind = AbiRecordKind.Kept, Vcpu = 2, Sequence = 2, Time = time }, [3]));
        _driver!.Stop();
        Assert.Equal([(0, 0L, 1L), (0, 1L, 2L), (0, 2L, 3L)], _said.Records);
    }

    [Theory]
    [InlineData(2, false, true)]
    [InlineData(4, true, true)]
    [InlineData(5, true, false)]
    public async Task Whether_memory_was_read_is_said(int offset, bool isRead, bool isFinal)
    {
        Start(Watch(0));
        var call = new AbiCall { Vcpu = 1, Site = _shim.State!.Sites.Single().Id, Number = 5, Rip = _text.Image + 0x180 + (ulong)offset, Cr0 = 0x80050033, Cr3 = 0x1000, Cr4 = 0x6f0, Efer = 0xd01 };
        call.Registers[7] = _data;
        _shim.Notice(AbiNotice.Call, call);
        await Said.AwaitAsync(() => _shim.AskedTypes[^1] == AbiRequest.Continue);
        AbiContinue answer = _shim.Asked[^1].As<AbiContinue>();
        Assert.Equal((1u, 5u, (isRead ? AbiAnswer.Yes : 0) | (isFinal ? AbiAnswer.Always : 0)), (answer.Vcpu, answer.Number, answer.Answer));
    }

    [Fact]
    public async Task Memory_is_told_again_when_it_changes()
    {
        Start(Execute(0, _place));
        int stale = 2;
        _shim.Instead = (self, message) =>
        {
            if (message.Head.Type != (uint)AbiRequest.Memory || message.Payload.Length == 0 || stale-- <= 0)
                return false;
            self.Answer(message, -116);
            return true;
        };
        int before = _shim.Asked.Count;
        _shim.Notice(AbiNotice.Memory, default(AbiNumber));
        await Said.AwaitAsync(() => _shim.Asked.Count == before + 6);
        AbiRange range = _shim.Asked[^1].As<AbiRange>();
        Assert.Equal((0ul, 0x20_0000ul, 0x7f00_0000_0000ul), (range.Physical, range.Bytes, range.Host));
    }

    [Fact]
    public async Task A_vCPU_that_was_held_too_long_is_told()
    {
        Start(Execute(0, _place));
        _shim.Notice(AbiNotice.Held, new AbiNumber { Number = 3 });
        await Said.AwaitAsync(() => !_said.Notices.IsEmpty);
        Assert.Contains("vCPU 3", _said.Notices.Single(), StringComparison.Ordinal);
    }

    public static TheoryData<string, VmiErrorCode> Ends => new()
    {
        { "closed", VmiErrorCode.ShimLost },
        { "reset", VmiErrorCode.GuestChanged },
        { "garbage", VmiErrorCode.ShimLost },
        { "notice", VmiErrorCode.ShimLost },
        { "record", VmiErrorCode.ShimLost },
        { "probe", VmiErrorCode.ShimLost },
        { "schema", VmiErrorCode.ShimLost },
        { "flood", VmiErrorCode.ShimLost },
    };

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task An_end_that_nobody_asked_for_is_told_once_with_the_reason(string end, VmiErrorCode code)
    {
        Start(Execute(0, _place));
        _shim.Emit(0, [1]);
        switch (end)
        {
            case "closed": _shim.Close(); break;
            case "reset": _shim.Notice(AbiNotice.Reset, default(AbiNumber)); break;
            case "garbage": _shim.Send(new byte[100]); break;
            case "notice": _shim.Notice((AbiNotice)99, default(AbiNumber)); break;
            case "record": _shim.Ring.Head += 4; break;
            case "probe": _shim.Emit(7, [1]); break;
            case "schema": _shim.Emit(0, [1], schema: 2); break;
            default:
                byte[] flood = [.. Enumerable.Repeat(FakeShim.Message((uint)AbiNotice.Pause, 0, 0, new byte[16]), 100_000).SelectMany(bytes => bytes)];
                _shim.Instead = (_, message) => message.Head.Type == (uint)AbiRequest.Continue;
                _ = Task.Run(() =>
                {
                    try
                    {
                        _shim.Send(flood);
                    }
                    catch (System.Net.Sockets.SocketException)
                    {
                        // The client has had enough.
                    }
                });
                break;
        }
        await Said.AwaitAsync(() => !_said.Ended.IsEmpty);
        Assert.Equal(code, _said.Ended.Single().Code);
        if (end is not ("record" or "probe" or "schema" or "flood"))
            Assert.Equal((0, 0L, 1L), _said.Records[0]);
        // Nothing more can be asked, and nothing throws.
        _driver!.Enable(0, false);
        Assert.Equal(0, _driver.Request(7));
        _driver.Stop();
        Assert.Single(_said.Ended);
    }

    [Fact]
    public async Task An_answer_that_does_not_come_ends_the_session()
    {
        Start(new VmiLimits { ShimRingBytes = RingBytes, ShimTimeout = TimeSpan.FromMilliseconds(200) }, Execute(0, _place));
        _shim.Instead = (_, message) => message.Head.Type == (uint)AbiRequest.Apply;
        Assert.Equal(VmiErrorCode.Timeout, Assert.Throws<VmiException>(() => _driver!.Enable(0, false)).Code);
        await Said.AwaitAsync(() => !_said.Ended.IsEmpty);
        Assert.Equal(VmiErrorCode.Timeout, _said.Ended.Single().Code);
    }

    public static TheoryData<string, string> Unusable => new()
    {
        { "busy", "another client" },
        { "no KVM", "no virtual machine" },
        { "no registers", "SYNC_REGS" },
        { "version", "version" },
        { "no files", "no ring" },
        { "closed", "closed" },
    };

    [Theory]
    [MemberData(nameof(Unusable))]
    public void A_shim_that_cannot_be_used_says_why(string what, string reason)
    {
        switch (what)
        {
            case "busy": _shim.Refuses = _ => "another client is served"; break;
            case "no KVM": _shim.Abilities &= ~AbiAbility.Run; break;
            case "no registers": _shim.Abilities &= ~AbiAbility.Sync; break;
            default:
                _shim.Instead = (self, message) =>
                {
                    if (what == "closed")
                        self.Close();
                    else
                        self.Answer(message, 0, ShimProtocol.Bytes(new AbiWelcome { Magic = AbiNumbers.ShimMagic, Abi = what == "version" ? 9 : AbiNumbers.ShimAbi, Abilities = self.Abilities }));
                    return true;
                };
                break;
        }
        VmiException error = Assert.Throws<VmiException>(() => Start(Execute(0, _place)));
        Assert.Equal(VmiErrorCode.ShimUnavailable, error.Code);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gdb: filename=tcp:127.0.0.1:1234,server=on <-> 127.0.0.1:40000\n", "", "A gdb client")]
    [InlineData("gdb: filename=disconnected:unix:/run/gdb,server=on\n", "Migration status: active\n", "is being migrated")]
    public void What_the_shim_cannot_have_seen_coming_is_asked_for(string devices, string migration, string reason)
    {
        (_monitor.Devices, _monitor.Migration) = (devices, migration);
        VmiException error = Assert.Throws<VmiException>(() => Start(Execute(0, _place)));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(AbiRequest.Apply, _shim.AskedTypes);
        (_monitor.Devices, _monitor.Migration) = ("", "Migration status: completed\n");
        _driver!.Start([Execute(0, _place)]);
        Assert.Equal(AbiRequest.Apply, _shim.AskedTypes[^1]);
    }

    [Fact]
    public void Writes_are_shown_as_they_will_be()
    {
        ulong cr3 = _text.Function("cr3", 0x240, [0x0f, 0x22, 0xd9, 0xc3]), msr = _text.Function("msr", 0x280, [0x0f, 0x30, 0xc3]), lidt = _text.Function("lidt", 0x2c0, [0x0f, 0x01, 0x18, 0xc3]);
        _text.Function("last", 0x300, [0xc3]);
        Start(
            Placed(0, new ControlRegisterSite(3), Written(cr3, 3, PrivilegedWrite.Cr3, ValueSource.Register, GuestRegister.Rcx)),
            Placed(1, new MsrSite(0xc0000082), Written(msr, 2, PrivilegedWrite.Msr, ValueSource.EdxEax, null)),
            Placed(2, new DescriptorRegisterSite(true), Written(lidt, 3, PrivilegedWrite.Idtr, ValueSource.Memory, null)));
        AbiUse Use(ulong address) => _shim.State!.Uses[(int)_shim.State.Sites.Single(site => site.Address == address).FirstUse];
        AbiUse write = Use(cr3);
        Assert.Equal((AbiUseFlag.Writes, (uint)GuestRegister.Cr3, AbiWrite.Register, 1, 8), (write.Flags, write.Shown, write.Write, write.Source, write.Width));
        Assert.Equal((AbiUseFlag.Msr, 0xc0000082u), (Use(msr).Flags, Use(msr).Msr));
        Assert.Equal(AbiUseFlag.After, Use(lidt).Flags);
        Assert.Equal(AbiResume.Step, _shim.State!.Sites.Single(site => site.Address == lidt).Resume);
    }

    private static ExecuteTrap Written(ulong address, int length, PrivilegedWrite kind, ValueSource source, GuestRegister? register) => new(
        new NamedAddress(address, null), new InstructionPlace { Address = address, Length = length, Kind = kind, Name = "", Source = source, Register = register, Bits = 64 });

    private void Start(params PlacedProbe[] probes) => Start(new VmiLimits { ShimRingBytes = RingBytes, ShimTimeout = Patience }, probes);

    private void Start(VmiLimits limits, params PlacedProbe[] probes)
    {
        LinuxGuest text = _text.Open();
        var memory = new ArrayMemory(_text.Memory);
        var machine = new VmiMachine("synthetic", _ => memory, _ => _monitor, limits) { Accelerator = "kvm" };
        var guest = new LinuxGuest(machine, text.Profile);
        _driver = ShimDriver.Open(guest, _said, new SessionOptions(), PrivilegedWrite.None, _shim.Client);
        _driver.Start([.. probes]);
    }

    private static PlacedProbe Execute(int id, ulong address, int silentBodies = 0) =>
        Placed(id, new ExecuteSite([new NamedAddress(address, null)]), silentBodies, new ExecuteTrap(new NamedAddress(address, null)));

    private PlacedProbe Watch(int id) => Placed(id, new WatchSite(new NamedAddress(_data, null), 4, true), new WatchTrap(new NamedAddress(_data, null), 4, OnRead: true));

    private static PlacedProbe Requested(int id) => Placed(id, new RequestSite(7));

    private static PlacedProbe Placed(int id, ProbeSite site, params Trap[] traps) => Placed(id, site, 0, traps);

    private static PlacedProbe Placed(int id, ProbeSite site, int silentBodies, params Trap[] traps)
    {
        EventProbe probe = ScriptReader.Read(new SourceText("OnResume{ Pause }")).EventProbes.Single();
        return new PlacedProbe(new CompiledProbe(probe with { Id = id }, site, [Body(), .. Enumerable.Repeat(Body(isEmpty: true), silentBodies)]), [.. traps]);
    }

    private static CompiledBody Body(bool isEmpty = false) =>
        new(new ProbeProgram { Code = [new Instruction(0xb7, 0, 0, 0, 0), new Instruction(0x95, 0, 0, 0, 0)], SchemaCount = 2 }, isEmpty, new BodyCost(0, 0, 0, 0));

    /// <summary>What the driver has told: records as probe, sequence and first number; losses as those with a negative one.</summary>
    private sealed class Said : IDriverEvents
    {
        private readonly ConcurrentQueue<(int, long, long)> _records = new();

        public IReadOnlyList<(int Probe, long Sequence, long Value)> Records => [.. _records];

        public ConcurrentQueue<string> Notices { get; } = new();

        public ConcurrentQueue<VmiException> Ended { get; } = new();

        public void Record(int schema, in RecordOrigin origin, ReadOnlySpan<byte> bytes) =>
            _records.Enqueue((schema, origin.Sequence, bytes.Length == 8 ? BinaryPrimitives.ReadInt64LittleEndian(bytes) : bytes[0]));

        public void Lost(int probe, long count, in RecordOrigin first) => _records.Enqueue((probe, first.Sequence, -count));

        public void Notice(string text, bool isError, int? probe) => Notices.Enqueue(text);

        void IDriverEvents.Ended(VmiException reason) => Ended.Enqueue(reason);

        public static async Task AwaitAsync(Func<bool> condition)
        {
            using var late = new CancellationTokenSource(Patience);
            while (!condition())
                await Task.Delay(5, late.Token);
        }
    }
}
