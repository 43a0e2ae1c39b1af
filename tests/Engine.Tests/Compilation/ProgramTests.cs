using System.Buffers.Binary;
using VmiPl.Compilation;
using VmiPl.Errors;
using VmiPl.Language;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Streams;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Compilation;

/// <summary>What compiled scripts yield on a guest of each paging mode whose memory and registers are known to the byte.</summary>
public sealed class ProgramTests
{
    public static TheoryData<PagingMode> Modes => [PagingMode.FourLevel, PagingMode.FiveLevel, PagingMode.Pae, PagingMode.Legacy32];

    [Theory]
    [MemberData(nameof(Modes))]
    public void Registers_are_read_in_their_own_size(PagingMode mode)
    {
        var guest = new SmallGuest(mode);
        VcpuRegisters registers = RegistersOf(guest) with { Rax = 0x1122_3344_8877_6655, Cs = 0x33, GdtBase = 0xABC000 };
        List<VmiRecord> records = Run(guest, "ReadRegister(EAX, #a) ReadRegister(CR3) ReadRegister(cs, \"x y.log\") ReadRegister(GDTR, #a)", registers);
        Assert.Equal(["EAX", "CR3", "CS", "GDTR"], records.Cast<RegisterRecord>().Select(record => record.Register));
        Assert.Equal([0x8877_6655, guest.UserRoot, 0x33, 0xABC000], records.Cast<RegisterRecord>().Select(record => record.Value));
        Assert.Equal([null, guest.UserRoot, null, null], records.Cast<RegisterRecord>().Select(record => record.PageDirectory));
        Assert.Equal(["a", "default", "x y.log", "a"], records.Select(record => record.Stream));
        Assert.All(records, record => Assert.Equal(("synthetic", 0, "OnExternalRequest", "ReadRegister"), (record.Machine, record.ProbeId, record.Event, record.Probe)));
    }

    [Fact]
    public void A_64_bit_register_is_read_whole()
    {
        var guest = new SmallGuest(PagingMode.FourLevel);
        List<VmiRecord> records = Run(guest, "ReadRegister(RAX) ReadRegister(r15)", RegistersOf(guest) with { Rax = 0x1122_3344_8877_6655, R15 = ulong.MaxValue });
        Assert.Equal([0x1122_3344_8877_6655, ulong.MaxValue], records.Cast<RegisterRecord>().Select(record => record.Value));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Memory_is_read_in_both_halves_and_across_pages(PagingMode mode)
    {
        var guest = new SmallGuest(mode);
        guest.Symbols["marker"] = guest.Kernel + 0x2_0FFC;
        byte[] bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        bytes.CopyTo(guest.At(guest.Kernel + 0x2_0FFC));
        guest.PutText(SmallGuest.User + 0x10, "user");
        VcpuRegisters registers = RegistersOf(guest) with { Rbx = SmallGuest.User + 0x20 };
        List<VmiRecord> records = Run(guest, "ReadMemory(marker 8, #m) ReadMemory(marker+4, 4, #m) ReadMemory(0x400010, 4, #m) ReadMemoryAt(EBX, 4, -16, #m)", registers);
        Assert.All(records, record => Assert.Null(record.Error));
        Assert.Equal(bytes, ((MemoryRecord)records[0]).Bytes);
        Assert.Equal(bytes[4..], ((MemoryRecord)records[1]).Bytes);
        Assert.Equal("user"u8.ToArray(), ((MemoryRecord)records[2]).Bytes);
        Assert.Equal("user"u8.ToArray(), ((MemoryRecord)records[3]).Bytes);
        Assert.Equal([guest.Kernel + 0x2_0FFC, guest.Kernel + 0x2_1000, 0x40_0010UL, 0x40_0010UL], records.Cast<MemoryRecord>().Select(record => record.Address));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void What_is_not_mapped_is_said_and_the_rest_goes_on(PagingMode mode)
    {
        var guest = new SmallGuest(mode);
        guest.At(SmallGuest.UserEnd - 4)[..4].Fill(0x41);
        string edge = $"0x{SmallGuest.UserEnd - 4:x}";
        List<VmiRecord> records = Run(guest, $"ReadMemory({edge}, 16, #m) ReadMemory(0x7000, 4, #m) ReadString({edge}, 64) ReadString(0x7000, 64) ReadRegister(EAX)", RegistersOf(guest));
        var part = (MemoryRecord)records[0];
        Assert.Equal("AAAA"u8.ToArray(), part.Bytes);
        Assert.Equal(16, part.Size);
        Assert.Equal($"Of the 16 bytes at {edge} only 4 can be read: 0x{SmallGuest.UserEnd:x} is not mapped.", part.Error);
        var none = (MemoryRecord)records[1];
        Assert.Equal((0, 4, 0x7000UL), (none.Bytes.Count, none.Size, none.Address));
        Assert.Equal("The 4 bytes at 0x7000 cannot be read: the address is not mapped.", none.Error);
        Assert.Equal("AAAA", ((TextRecord)records[2]).Text);
        Assert.Equal($"The text at {edge} has no end: 0x{SmallGuest.UserEnd:x} is not mapped.", records[2].Error);
        Assert.Equal(("", "The text at 0x7000 has no end: 0x7000 is not mapped."), (((TextRecord)records[3]).Text, records[3].Error));
        Assert.IsType<RegisterRecord>(records[4]);
    }

    [Fact]
    public void A_body_that_moves_much_has_the_budget_for_it()
    {
        // Each read is tried through two tables, with 1,024 instructions for the bytes of each. Without these a body has 65,536.
        const int Reads = 40;
        var guest = new SmallGuest(PagingMode.FourLevel);
        string reads = string.Concat(Enumerable.Repeat("ReadMemory(0x7000, 65536) ", Reads));
        List<VmiRecord> records = Run(guest, reads + "ReadRegister(EAX)", RegistersOf(guest));
        Assert.Equal(Reads + 1, records.Count);
        Assert.IsType<RegisterRecord>(records[Reads]);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Texts_end_at_their_nul_or_are_cut(PagingMode mode)
    {
        var guest = new SmallGuest(mode);
        guest.PutText(SmallGuest.User + 0xFFE, "päth\0rest");
        VcpuRegisters registers = RegistersOf(guest) with { Rcx = SmallGuest.User + 0xFFE };
        List<VmiRecord> records = Run(guest, "ReadString(ECX, 64) ReadString(0x400ffe, 5) ReadString(0x400ffe, 3)", registers);
        Assert.Equal([("päth", false), ("päth", true), ("pä", true)], records.Cast<TextRecord>().Select(record => (record.Text, record.IsCut)));
        Assert.All(records, record => Assert.Null(record.Error));
    }

    [Theory]
    [InlineData("RegisterHasValue(EAX, 7)", true)]
    [InlineData("RegisterHasValue(EAX, 8)", false)]
    [InlineData("RegisterHasValue(EDX, -1)", true)]
    [InlineData("RegisterHasValue(EDX, 0xffffffff)", true)]
    [InlineData("RegisterHasValue(CR3, $ROOT)", true)]
    [InlineData("RegisterHasValue(CR3, 0x3000)", false)]
    [InlineData("ValueAtAddressIs(flag, 0x80000001, 4)", true)]
    [InlineData("ValueAtAddressIs(flag, 1, 2)", true)]
    [InlineData("ValueAtAddressIs(flag, 1)", false)]
    [InlineData("ValueAtAddressIs(flag+3, 0x80, 1)", true)]
    [InlineData("ValueAtAddressIs(flag+3, -128, 1)", true)]
    [InlineData("ProcessIs(PID, 42)", true)]
    [InlineData("ProcessIs(PID, 43)", false)]
    [InlineData("ProcessIs(NAME, \"sshd\")", true)]
    [InlineData("ProcessIs(NAME, \"ssh\")", false)]
    [InlineData("ProcessIs(NAME, \"sshdx\")", false)]
    [InlineData("ProcessIs(PID, 42){ RegisterHasValue(EAX, 7)", true)]
    [InlineData("ProcessIs(PID, 42){ RegisterHasValue(EAX, 6)", false)]
    public void A_filter_lets_through_what_it_says(string filter, bool expected)
    {
        foreach (PagingMode mode in (PagingMode[])[PagingMode.FourLevel, PagingMode.Pae, PagingMode.Legacy32])
        {
            var guest = new SmallGuest(mode);
            guest.Symbols["flag"] = guest.Kernel + 0x3_0000;
            BinaryPrimitives.WriteUInt64LittleEndian(guest.At(guest.Kernel + 0x3_0000), 0xFF_8000_0001);
            guest.SetCurrent(0, guest.AddProcess(1, "init"));
            ulong task = guest.AddProcess(42, "sshd\0junk", offset: 5);
            guest.SetCurrent(1, task);
            // On a 64-bit guest CR3 carries a process-context id.
            VcpuRegisters registers = RegistersOf(guest) with { Rax = 0x5_0000_0007, Rdx = 0xFFFF_FFFF, Vcpu = 1 };
            if (guest.PointerSize == 8)
                registers = registers with { Cr3 = registers.Cr3 | 0x123 };
            string body = filter.Replace("$ROOT", $"0x{guest.UserRoot:x}", StringComparison.Ordinal);
            List<VmiRecord> records = Run(guest, $"{body}{{ ReadRegister(EAX, #hit) }}{(filter.Contains('{') ? "}" : "")} ReadRegister(EIP, #always)", registers);
            Assert.Equal(expected ? ["hit", "always"] : ["always"], records.Select(record => record.Stream));
        }
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_filter_that_cannot_be_asked_is_false_and_says_so(PagingMode mode)
    {
        var guest = new SmallGuest(mode);
        List<VmiRecord> records = Run(guest, "ValueAtAddressIs(0x7000, 1){ ReadRegister(EAX) } ProcessIs(PID, 1){ ReadRegister(EAX) }", RegistersOf(guest) with { Vcpu = 3 });
        Assert.Equal(["ValueAtAddressIs", "ProcessIs"], records.Cast<FailureRecord>().Select(record => record.Probe));
        Assert.Equal($"The {guest.PointerSize} bytes at 0x7000 cannot be read: the address is not mapped.", records[0].Error);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Writes_are_done_whole_or_not_at_all(PagingMode mode)
    {
        var guest = new SmallGuest(mode);
        guest.At(SmallGuest.UserEnd - 8)[..8].Fill(0xEE);
        VcpuRegisters registers = RegistersOf(guest) with { Rax = SmallGuest.UserEnd, Rbx = guest.Kernel + 0x4_0000 };
        List<VmiRecord> records = Run(guest,
            "WriteToMemoryAt(EAX, -8, 0x11223344, 4) WriteToMemoryAt(EAX, -2, 0x55667788, 4)"
            + (guest.PointerSize == 8 ? " WriteToMemoryAt(RBX, 16, -2)" : " WriteToMemoryAt(EBX, 16, -2)"), registers);
        Assert.Equal([0x44, 0x33, 0x22, 0x11, 0xEE, 0xEE, 0xEE, 0xEE], guest.At(SmallGuest.UserEnd - 8)[..8].ToArray());
        byte[] pointer = new byte[guest.PointerSize];
        pointer.AsSpan().Fill(0xFF);
        pointer[0] = 0xFE;
        Assert.Equal(pointer, guest.At(guest.Kernel + 0x4_0010)[..guest.PointerSize].ToArray());
        Assert.Equal(0, guest.At(guest.Kernel + 0x4_0010 + (ulong)guest.PointerSize)[0]);
        var failure = Assert.IsType<FailureRecord>(Assert.Single(records));
        Assert.Equal((SmallGuest.UserEnd - 2, "WriteToMemoryAt"), (failure.Address!.Value, failure.Probe));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Processes_are_listed_as_they_are_read_directly(PagingMode mode)
    {
        SmallGuest guest = Populated(mode);
        LinuxGuest linux = guest.Open();
        ProcessList direct = linux.Processes(new ProcessQuery { CheckPidTable = false });
        Assert.Equal(["/", "/bin/init", "/mnt/x/tool (deleted)", "/memfd:x (deleted)", "/bin/" + new string('n', 255), null], direct.Processes.Select(task => task.Path));
        WalkByProgram.Matches(linux, new ProcessQuery { CheckPidTable = false });
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_list_in_a_circle_or_into_nowhere_ends_and_says_so(PagingMode mode)
    {
        SmallGuest guest = Populated(mode);
        ulong last = guest.AddProcess(77, "last");
        ulong link = last + (ulong)(8 * guest.PointerSize);
        guest.PutPointer(link, link);
        VmiRecord[] circle = [.. Run(guest, "ProcessList(PID, #p)", RegistersOf(guest))];
        Assert.Equal($"The task list runs in a circle at 0x{last:x}.", Assert.IsType<FailureRecord>(circle[^1]).Error);
        Assert.Equal(77, Assert.IsType<ProcessRecord>(circle[^2]).ProcessId);
        guest.PutPointer(link, guest.KernelEnd + 0x1000);
        VmiRecord[] nowhere = [.. Run(guest, "ProcessList(PID, #p)", RegistersOf(guest))];
        Assert.StartsWith("The task list leads to 0x", Assert.IsType<FailureRecord>(nowhere[^1]).Error, StringComparison.Ordinal);
        Assert.Equal(circle.Length, nowhere.Length);
        VmiRecord[] cut = [.. Run(guest, "ProcessList(PID, #p)", RegistersOf(guest), new VmiLimits { MaxTasks = 3 })];
        Assert.Equal(4, cut.Length);
        Assert.StartsWith("The task list has more tasks", Assert.IsType<FailureRecord>(cut[^1]).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Reconfigure_selects_bodies_and_their_programs_run()
    {
        var guest = new SmallGuest(PagingMode.FourLevel);
        LinuxGuest linux = guest.Open();
        CompiledScript script = Compile(linux,
            "a: OnExternalRequest(1){ Reconfigure(b){ ReadRegister(RBX, #new) Reconfigure(a){} } Reconfigure(1) }\n b: OnExternalRequest(2){ ReadRegister(RAX, #old) }");
        RecordingVcpu first = RecordingVcpu.Run(script, linux, RegistersOf(guest));
        Assert.Equal([(1, 1), (1, 0)], first.Selected);
        RecordingVcpu second = RecordingVcpu.Run(script, linux, RegistersOf(guest), probe: 1, body: 1);
        Assert.Equal("new", Assert.Single(second.Records).Stream);
        Assert.Equal([(0, 1)], second.Selected);
        Assert.True(script.Probes[0].Bodies[1].IsEmpty);
    }

    [Fact]
    public void A_reconfiguration_script_is_compiled_for_what_runs()
    {
        var guest = new SmallGuest(PagingMode.FourLevel);
        LinuxGuest linux = guest.Open();
        CompiledScript running = Compile(linux, "a: OnExternalRequest(1){ ReadRegister(RAX) }\nCaptureKeyboardInput(#keys)");
        CompiledReconfiguration change = ScriptCompiler.CompileReconfiguration(
            ScriptReader.Read(new SourceText("Reconfigure(a){ ReadRegister(RBX) }")), running, linux);
        Assert.Empty(change.Diagnostics);
        Assert.Equal([(0, 1)], change.Selections);
        Assert.Equal(1, Assert.Single(change.NewSchemas).Index);
        Assert.Single(change.NewBodies[0]);
        foreach ((string text, string id) in (ReadOnlySpan<(string, string)>)[("Reconfigure(7){}", "VMI3041"), ("Reconfigure(zz){}", "VMI3042"), ("Reconfigure(1){}", "VMI3043"), ("OnResume{ Pause }", "VMI3044")])
            Assert.Equal(id, Assert.Single(ScriptCompiler.CompileReconfiguration(ScriptReader.Read(new SourceText(text)), running, linux).Diagnostics).Id);
    }

    [Fact]
    public void Pause_pauses_and_says_so()
    {
        var guest = new SmallGuest(PagingMode.FourLevel);
        LinuxGuest linux = guest.Open();
        RecordingVcpu vcpu = RecordingVcpu.Run(Compile(linux, "OnResume{ Pause ReadVMCS(VM_EXIT_REASON, EXIT_QUALIFICATION, #v) }"), linux, RegistersOf(guest));
        Assert.True(vcpu.IsPauseWanted);
        Assert.IsType<PauseRecord>(vcpu.Records[0]);
        var exit = Assert.IsType<VmcsRecord>(vcpu.Records[1]);
        Assert.Equal((null, null), (exit.ExitReason, exit.ExitQualification));
    }

    /// <summary>At a system call the registers are the caller's, out of the structure that the kernel has saved.</summary>
    [Theory]
    [MemberData(nameof(Modes))]
    public void A_system_call_has_its_caller_s_registers(PagingMode mode)
    {
        var guest = new SmallGuest(mode);
        guest.Symbols["do_syscall_64"] = guest.Kernel + 0x100;
        guest.Symbols["do_int80_syscall_32"] = guest.Kernel + 0x200;
        ulong frame = guest.Allocate(256);
        for (int word = 0; word < 21; word++)
            guest.PutPointer(frame + (ulong)(word * guest.PointerSize), (ulong)(0x100 + word));
        VcpuRegisters registers = RegistersOf(guest) with { Rax = guest.PointerSize == 8 ? 5UL : frame, Rdi = guest.PointerSize == 8 ? frame : 6UL };
        LinuxGuest linux = guest.Open();
        CompiledScript script = Compile(linux, "Syscall(-){ ReadRegister(EAX) ReadRegister(EBX) ReadRegister(ESI) ReadRegister(EIP) ReadRegister(CS) ReadRegister(CR3) }");
        ulong[] values = [.. RecordingVcpu.Run(script, linux, registers).Records.Cast<RegisterRecord>().Select(record => record.Value)];
        Assert.Equal(guest.PointerSize == 8 ? [0x10F, 0x105, 0x10D, 0x110, 0x111, guest.UserRoot] : [0x10B, 0x100, 0x103, 0x10C, 0x10D, guest.UserRoot], values);
        if (guest.PointerSize == 8)
        {
            // Up to 5.12 the structure is the second argument.
            ulong[] swapped = [.. RecordingVcpu.Run(script, linux, registers with { Rdi = 3, Rsi = frame }).Records.Cast<RegisterRecord>().Select(record => record.Value)];
            Assert.Equal(values, swapped);
        }
        VmiRecord lost = Assert.Single(RecordingVcpu.Run(script, linux, registers with { Rax = 16, Rdi = 16, Rsi = 16 }).Records);
        Assert.Equal("Syscall", Assert.IsType<FailureRecord>(lost).Probe);
    }

    private static SmallGuest Populated(PagingMode mode)
    {
        var guest = new SmallGuest(mode);
        guest.AddProcess(1, "root", guest.NewFile("/"));
        guest.AddProcess(2, "init", guest.NewFile("/bin/init"));
        ulong mountPoint = guest.NewDentry("mnt", guest.RootDentry), root = guest.NewDentry("/", 0);
        ulong mount = guest.NewMount(guest.RootMount, mountPoint, root);
        guest.AddProcess(3, "fifteen_bytes_x", guest.NewFile("/x/tool", mount, root, deleted: true));
        guest.AddProcess(4, "memfd", guest.NewFile("", root: guest.NewDentry("memfd:x", 0)));
        guest.AddProcess(5, "long", guest.NewFile("/bin/" + new string('n', 255)));
        guest.AddProcess(6, "kworker/0:1", user: false);
        return guest;
    }

    private static VcpuRegisters RegistersOf(SmallGuest guest) => new() { Cr3 = guest.UserRoot };

    private static List<VmiRecord> Run(SmallGuest guest, string body, VcpuRegisters registers, VmiLimits? limits = null)
    {
        LinuxGuest linux = guest.Open(limits);
        return RecordingVcpu.Run(Compile(linux, $"OnExternalRequest(1){{ {body} }}"), linux, registers).Records;
    }

    private static CompiledScript Compile(LinuxGuest guest, string text)
    {
        CompiledScript script = ScriptCompiler.Compile(ScriptReader.Read(new SourceText(text)), guest);
        Assert.Empty(script.Diagnostics);
        return script;
    }
}
