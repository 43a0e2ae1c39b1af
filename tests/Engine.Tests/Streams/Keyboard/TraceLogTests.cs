using System.Text;
using VmiPl.Streams.Keyboard;

namespace VmiPl.Tests.Streams.Keyboard;

public sealed class TraceLogTests
{
    private const string Log =
        "input_event_key_qcode con -1, key qcode shift, down 1\n" +
        "qemu: something else\n" +
        "4711@1700000000.123456:input_event_key_qcode con 0, key qcode ret, down 0\n" +
        "input_event_key_number con 1, key number 0x1e [a], down 1\r\n" +
        "input_event_key_number con 1, key number 0xff [unmapped], down 0\n" +
        "input_event_sync \n" +
        "said the guest: input_event_key_qcode con 0, key qcode a, down 1\n" +
        "input_event_key_qcode con 0, key qcode a, down 2\n";

    private static readonly string[] Keys = ["shift+", "ret-console 0", "a+console 1", "0xff-console 1"];

    private static (List<string> Keys, string Foreign) Read(byte[] log, Func<int> size)
    {
        var keys = new List<string>();
        var foreign = new StringBuilder();
        var lines = new TraceLog();
        for (int at = 0; at < log.Length;)
        {
            int n = Math.Min(size(), log.Length - at);
            lines.Feed(log.AsSpan(at, n), (key, down, device) => keys.Add(key + (down ? '+' : '-') + device), other => foreign.Append(Encoding.Latin1.GetString(other)));
            at += n;
        }
        return (keys, foreign.ToString());
    }

    [Fact]
    public void Keys_are_read_however_the_log_is_cut_and_the_rest_is_passed_on()
    {
        var random = new Random(4);
        byte[] log = Encoding.Latin1.GetBytes(Log);
        for (int largest = 1; largest < 400; largest += 7)
        {
            (List<string> keys, string foreign) = Read(log, () => random.Next(1, largest + 1));
            Assert.Equal(Keys, keys);
            Assert.Equal(
                "qemu: something else\ninput_event_sync \nsaid the guest: input_event_key_qcode con 0, key qcode a, down 1\ninput_event_key_qcode con 0, key qcode a, down 2\n", foreign);
        }
    }

    [Fact]
    public void Lines_without_end_and_random_bytes_are_passed_on_whole()
    {
        var random = new Random(5);
        byte[] log = new byte[1 << 20];
        random.NextBytes(log);
        log.AsSpan(1000, 100_000).Fill((byte)'x');
        log[^1] = (byte)'\n';
        (List<string> keys, string foreign) = Read(log, () => random.Next(1, 20_000));
        Assert.Empty(keys);
        Assert.True(log.AsSpan().SequenceEqual(Encoding.Latin1.GetBytes(foreign)));
        // What looks like a key in the tail of an endless line is none.
        byte[] tail = Encoding.Latin1.GetBytes(new string('y', 4096) + "input_event_key_qcode con 0, key qcode a, down 1\n");
        Assert.Empty(Read(tail, () => 1000).Keys);
    }
}
