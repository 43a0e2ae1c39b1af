using VmiPl.Errors;
using VmiPl.Language.Model;
using VmiPl.Machines;
using VmiPl.Machines.Qmp;
using VmiPl.Streams;
using VmiPl.Tests.Machines;

namespace VmiPl.Tests.Streams.Keyboard;

public sealed class KeyboardCaptureTests
{
    private static readonly Output Keys = new(false, "keys");

    private static readonly StreamProbe Probe = new() { Id = 3, Output = Keys, Span = default! };

    /// <summary>Every key of a US keyboard, as qapi/ui.json names it.</summary>
    private static readonly string[] UsLayout =
    [
        .. "abcdefghijklmnopqrstuvwxyz0123456789".Select(c => c.ToString()),
        .. Enumerable.Range(1, 12).Select(i => $"f{i}"), .. Enumerable.Range(0, 10).Select(i => $"kp_{i}"),
        "esc", "minus", "equal", "backspace", "tab", "bracket_left", "bracket_right", "ret", "ctrl", "ctrl_r", "semicolon", "apostrophe", "grave_accent", "shift",
        "shift_r", "backslash", "comma", "dot", "slash", "alt", "alt_r", "spc", "caps_lock", "num_lock", "scroll_lock", "kp_divide", "kp_multiply", "kp_subtract",
        "kp_add", "kp_enter", "kp_decimal", "print", "pause", "home", "pgup", "pgdn", "end", "left", "up", "down", "right", "insert", "delete", "meta_l", "meta_r", "menu", "less",
    ];

    private static List<VmiRecord> ReadAll(RecordStream stream)
    {
        var got = new List<VmiRecord>();
        while (stream.TryRead(out VmiRecord record))
            got.Add(record);
        return got;
    }

    private static void Type(VmiMachine machine, string key, bool down) =>
        ((QmpMonitor)machine.GetMonitor()).Execute("input-send-event", json =>
        {
            json.WriteStartArray("events");
            json.WriteRawValue($$"""{"type":"key","data":{"down":{{(down ? "true" : "false")}},"key":{"type":"qcode","data":"{{key}}"} } }""");
            json.WriteEndArray();
        });

    [Theory]
    [InlineData("")]
    [InlineData(" -device usb-ehci -device usb-kbd")]
    [InlineData(" -device virtio-keyboard-pci")]
    public void Every_key_of_the_US_layout_is_seen_going_down_and_up(string keyboard)
    {
        using var qemu = new IdleQemu($"-m 32 {IdleQemu.Qmp} -D DIR/log{keyboard}");
        using VmiMachine machine = qemu.Open();
        machine.GetMonitor().Resume();
        string before = QemuState.Describe(machine);
        using var set = new StreamSet([Keys]);
        RecordStream stream = set.Find("keys")!;
        using (StreamProbeRunner.Start(machine, Probe, set))
        {
            foreach (string key in UsLayout)
            {
                Type(machine, key, true);
                Type(machine, key, false);
            }
            machine.GetMonitor().HumanCommand("sendkey ctrl-alt-f1 1");
            IdleQemu.Await(() => stream.Waiting >= 2 * UsLayout.Length + 6);
        }
        KeyRecord[] got = [.. ReadAll(stream).Cast<KeyRecord>()];
        Assert.Equal(
            [.. UsLayout.SelectMany<string, string>(k => [k + "+", k + "-"]), "ctrl+", "alt+", "f1+", "f1-", "alt-", "ctrl-"],
            got.Select(k => k.Key + (k.IsPressed ? '+' : '-')));
        for (int i = 0; i < got.Length; i++)
            Assert.Equal((i, 3, -1, "CaptureKeyboardInput", "CaptureKeyboardInput", "keys", machine.Name), (got[i].Sequence, got[i].ProbeId, got[i].Vcpu, got[i].Event, got[i].Probe, got[i].Stream, got[i].Machine));

        for (int round = 0; round < 20; round++)
        {
            using (StreamProbeRunner.Start(machine, Probe, set))
            {
                Type(machine, UsLayout[round], true);
                IdleQemu.Await(() => stream.Waiting > 0);
            }
            Assert.Equal(UsLayout[round], Assert.IsType<KeyRecord>(Assert.Single(ReadAll(stream))).Key);
            Type(machine, UsLayout[round], false);
        }
        Assert.Equal(before, QemuState.Describe(machine));
        Assert.Empty(File.ReadAllText(Path.Combine(qemu.Folder, "log")));
    }

    [Fact]
    public void What_the_operator_logs_and_traces_goes_on_as_before()
    {
        using var qemu = new IdleQemu($"-m 32 {IdleQemu.Qmp} -D DIR/log -trace input_event_key_qcode -trace input_event_sync");
        using VmiMachine machine = qemu.Open();
        machine.GetMonitor().Resume();
        string log = Path.Combine(qemu.Folder, "log"), before = QemuState.Describe(machine);
        Type(machine, "a", true);
        using var set = new StreamSet([Keys]);
        using (StreamProbeRunner.Start(machine, Probe, set))
        {
            Type(machine, "a", false);
            IdleQemu.Await(() => set.Find("keys")!.Waiting > 0);
        }
        Type(machine, "b", true);
        Assert.Equal(before, QemuState.Describe(machine));
        Assert.Equal("a", Assert.IsType<KeyRecord>(Assert.Single(ReadAll(set.Find("keys")!))).Key);
        // Keys of the capture's time are ours; what else was logged meanwhile went where it always goes.
        string[] lines = File.ReadAllLines(log);
        Assert.Equal(3, lines.Count(l => l.Contains("input_event_sync", StringComparison.Ordinal)));
        Assert.Equal(["a, down 1", "b, down 1"], lines.Where(l => l.Contains("qcode", StringComparison.Ordinal)).Select(l => l.Split("qcode ")[^1]));
    }

    [Fact]
    public void A_log_that_went_to_stderr_goes_there_again()
    {
        using var qemu = new IdleQemu($"-m 32 {IdleQemu.Qmp}");
        using VmiMachine machine = qemu.Open();
        machine.GetMonitor().Resume();
        using var set = new StreamSet([Keys]);
        string? after = null;
        for (int round = 0; round < 3; round++)
        {
            using (StreamProbeRunner.Start(machine, Probe, set))
            {
                Type(machine, "a", round % 2 == 0);
                IdleQemu.Await(() => set.Find("keys")!.Waiting > round);
            }
            // The old log is closed a little after the new one is open.
            after ??= Settled(machine);
            IdleQemu.Await(() => QemuState.Describe(machine) == after);
        }
        machine.GetMonitor().HumanCommand("trace-event input_event_key_qcode on");
        Type(machine, "z", true);
        Assert.Contains("key qcode z, down 1", qemu.Process.StandardError.ReadLine(), StringComparison.Ordinal);
    }

    private static string Settled(VmiMachine machine)
    {
        IdleQemu.Await(() => !QemuState.Describe(machine).Contains("/pipe", StringComparison.Ordinal));
        return QemuState.Describe(machine);
    }

    [Fact]
    public void A_capture_that_dies_costs_QEMU_nothing()
    {
        using var qemu = new IdleQemu($"-m 32 {IdleQemu.Qmp}");
        using VmiMachine machine = qemu.Open();
        machine.GetMonitor().Resume();
        using (var log = new VmiPl.Streams.Keyboard.LogFile(qemu.Process.Id, machine.GetMonitor()))
            machine.GetMonitor().HumanCommand("trace-event input_event_key_qcode on");
        for (int i = 0; i < 200; i++)
            Type(machine, "a", i % 2 == 0);
        Assert.Equal(MachineState.Running, machine.QueryState());
        Assert.False(qemu.Process.HasExited);
    }
}
