using VmiPl.Machines;

namespace VmiPl.Tests.Probes.Shim;

/// <summary>A monitor that answers as a small QEMU would, and keeps what it is told.</summary>
internal sealed class FakeMachineMonitor : IMachineMonitor
{
    private volatile MachineState _state = MachineState.Running;

    public string Description => "fake";

    /// <summary>How often the machine was paused.</summary>
    public int Pauses { get; private set; }

    /// <summary>A vCPU's registers, as <c>info registers -a</c> shows them.</summary>
    public string Registers { get; set; } = """

        CPU#0
        RAX=0000000000000000 RBX=0000000000000000 RCX=0000000000000000 RDX=0000000000000000
        RSI=0000000000000000 RDI=0000000000000000 RBP=0000000000000000 RSP=0000000000000000
        R8 =0000000000000000 R9 =0000000000000000 R10=0000000000000000 R11=0000000000000000
        R12=0000000000000000 R13=0000000000000000 R14=0000000000000000 R15=0000000000000000
        RIP=ffffffff81000000 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
        ES =0000 0000000000000000 ffffffff 00c00000
        CS =0010 0000000000000000 ffffffff 00a09b00 DPL=0 CS64 [-RA]
        SS =0018 0000000000000000 ffffffff 00c09300 DPL=0 DS   [-WA]
        DS =0000 0000000000000000 ffffffff 00c00000
        FS =0000 0000000000000000 ffffffff 00c00000
        GS =0000 0000000000000000 ffffffff 00c00000
        LDT=0000 0000000000000000 00000000 00008200 DPL=0 LDT
        TR =0040 fffffe0000003000 00004087 00008b00 DPL=0 TSS64-busy
        GDT=     fffffe0000001000 0000007f
        IDT=     fffffe0000000000 00000fff
        CR0=80050033 CR2=0000000000000000 CR3=0000000000001000 CR4=000006f0
        DR0=0000000000000000 DR1=0000000000000000 DR2=0000000000000000 DR3=0000000000000000
        DR6=00000000ffff0ff0 DR7=0000000000000400
        EFER=0000000000000d01
        """;

    /// <summary>What <c>info chardev</c> and <c>info migrate</c> show.</summary>
    public string Devices { get; set; } = "compat_monitor0: filename=pty\ngdb: filename=disconnected:tcp:127.0.0.1:1234,server=on\n";

    /// <inheritdoc cref="Devices"/>
    public string Migration { get; set; } = "";

    public MachineState QueryState() => _state;

    /// <summary>Is called before the machine is paused.</summary>
    public Action Pausing { get; set; } = () => { };

    public void Suspend()
    {
        Pausing();
        _state = MachineState.Paused;
        Pauses++;
    }

    public void Resume() => _state = MachineState.Running;

    public string HumanCommand(string command) => command switch
    {
        "info cpus" => "* CPU #0: thread_id=4711\n  CPU #1: thread_id=4712\n",
        "info memdev" => "memory backend: ram\n  size:  2097152\n",
        "info chardev" => Devices,
        "info migrate" => Migration,
        "info mtree -f" => Tree,
        "info registers -a" => Registers,
        _ when command.StartsWith("gpa2hva", StringComparison.Ordinal) => "Host virtual address for 0x0 (ram) is 0x7f0000000000\n",
        _ => "",
    };

    public void Dispose()
    {
    }

    private static string Tree => """
        FlatView #0
         AS "I/O", root: io
         Root memory region: io
          0000000000000000-0000000000000007 (prio 0, i/o): dma-chan
          0000000000000008-00000000000000e4 (prio 0, i/o): io @0000000000000008
          00000000000000e5-00000000000000e5 (prio 0, i/o): someone
          00000000000000e6-000000000000ffff (prio 0, i/o): io @00000000000000e6

        FlatView #1
         AS "memory", root: system
         Root memory region: system
          0000000000000000-00000000001fffff (prio 0, ram): ram

        """;
}
