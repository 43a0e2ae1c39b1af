using System.Globalization;
using System.Text;
using VmiPl.Errors;

namespace VmiPl.Probes.GdbStub;

/// <summary>Why the machine stands still (GDB manual, "Stop Reply Packets"). Seen with QEMU 7.2 and 10.0: <c>T05thread:01;</c>,
/// <c>T05thread:01;watch:ffffffff81000000;</c>, <c>W00</c>.</summary>
/// <param name="Signal">GDB's signal number: 5 for a breakpoint, a watchpoint or a step; 2 for a machine that somebody paused; others tell
/// QEMU's other run states (gdbstub.c, <c>gdb_vm_state_change</c>). −1 where QEMU has ended.</param>
/// <param name="Thread">The vCPU's thread id, or null where the reply names none.</param>
/// <param name="Watch">The guest-virtual address of the watchpoint that was hit, or null.</param>
internal sealed record StopReply(int Signal, string? Thread, ulong? Watch)
{
    /// <summary>GDB's number of SIGTRAP.</summary>
    public const int Trap = 5;

    /// <summary>Whether QEMU has ended.</summary>
    public bool HasExited => Signal < 0;

    /// <summary>Why a machine stands still that no trap has stopped, in words (gdbstub.c, <c>gdb_vm_state_change</c>).</summary>
    public string Cause => Signal switch
    {
        2 => "somebody has paused it",
        3 => "it was shut down",
        6 => "QEMU met an internal error",
        14 => "its watchdog has stopped it",
        23 => "an I/O error has stopped it",
        24 => "it was migrated",
        _ => string.Create(CultureInfo.InvariantCulture, $"QEMU gives signal {Signal}"),
    };

    /// <summary>Whether a packet is a stop reply; no answer to what is asked here begins with these letters.</summary>
    public static bool Is(ReadOnlySpan<byte> packet) => !packet.IsEmpty && packet[0] is (byte)'T' or (byte)'S' or (byte)'W' or (byte)'X';

    /// <summary>Reads a stop reply. Throws <c>MonitorProtocol</c> for one that can't be read.</summary>
    public static StopReply Parse(ReadOnlySpan<byte> packet)
    {
        string text = Encoding.ASCII.GetString(packet);
        if (text[0] is 'W' or 'X')
            return new StopReply(-1, null, null);
        if (text.Length < 3 || !int.TryParse(text.AsSpan(1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out int signal))
            throw new VmiException(VmiErrorCode.MonitorProtocol, "QEMU's gdbstub broke its protocol: a stop reply without a signal.");
        string? thread = null;
        ulong? watch = null;
        foreach (string pair in text[3..].Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            int colon = pair.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0)
                continue;
            string value = pair[(colon + 1)..];
            if (pair[..colon] == "thread")
                thread = value;
            else if (pair[..colon] is "watch" or "rwatch" or "awatch" && ulong.TryParse(value, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong address))
                watch = address;
        }
        return new StopReply(signal, thread, watch);
    }
}
