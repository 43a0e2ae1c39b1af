using VmiPl.Compilation;
using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Language;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Repository;

namespace VmiPl.Tests.Compilation;

/// <summary>Scripts compiled for real guests that stand still, and what their programs yield there.</summary>
public sealed class RealProgramTests
{
    public static TheoryData<string> Configurations => [.. GuestMatrix.Few.Where(configuration => configuration.Options.Monitor != MonitorKind.None).Select(configuration => configuration.Name)];

    [Theory]
    [MemberData(nameof(Configurations))]
    public async Task Programs_see_what_is_read_directly(string configuration)
    {
        await using TestGuest test = await TestGuest.StartAsync(GuestMatrix.Find(configuration).Options, TestContext.Current.CancellationToken);
        using VmiMachine machine = MachineConnector.OpenProcess(test.ProcessId, VmiLimits.Default);
        LinuxGuest guest = LinuxGuest.Open(machine, cache: null);
        machine.GetMonitor().Suspend();
        try
        {
            foreach (VcpuRegisters registers in RegisterReader.Read(machine))
                Compare(guest, registers);
        }
        finally
        {
            machine.GetMonitor().Resume();
        }
        Sites(guest);
        ExamplesCompile(guest);
    }

    private static void Compare(LinuxGuest guest, VcpuRegisters registers)
    {
        const string Script = """
            OnExternalRequest(1){
                ReadRegister(EIP, #r) ReadRegister(CR3, #r) ReadRegister(GDTR, #r) ReadMemory(init_task, 64, #m) ReadMemoryAt(ESP, 16, 0, #m)
                ProcessIs(NAME, "no such thing"){ Pause } ProcessIs(PID, 4194304){ Pause }
                ReadString(linux_banner, 14, #t)
            }
            """;
        string text = guest.Profile.TryGetSymbol("linux_banner", out _) ? Script : Script.Replace("ReadString(linux_banner, 14, #t)", "", StringComparison.Ordinal);
        CompiledScript script = ScriptCompiler.Compile(ScriptReader.Read(new SourceText(text)), guest);
        Assert.Empty(script.Diagnostics);
        RecordingVcpu vcpu = RecordingVcpu.Run(script, guest, registers);
        Assert.False(vcpu.IsPauseWanted);
        // Neither filter failed: the current task was found on this vCPU, whatever it was doing.
        Assert.DoesNotContain(vcpu.Records, record => record is FailureRecord);
        RegisterRecord[] read = [.. vcpu.Records.OfType<RegisterRecord>()];
        Assert.Equal([registers.Rip & uint.MaxValue, registers.Cr3, registers.GdtBase], read.Select(record => record.Value));
        AddressSpace kernel = guest.OpenKernelSpace();
        Assert.True(guest.Profile.TryGetSymbol("init_task", out GuestVirtualAddress init));
        byte[] expected = new byte[64];
        Assert.True(kernel.TryRead(init, expected));
        Assert.Equal(expected, ((MemoryRecord)vcpu.Records[3]).Bytes);
        if (vcpu.Records[^1] is TextRecord banner)
            Assert.Equal("Linux version ", banner.Text);
    }

    /// <summary>A filtered system call has the handlers of every ABI that the kernel serves.</summary>
    private static void Sites(LinuxGuest guest)
    {
        CompiledScript script = ScriptCompiler.Compile(ScriptReader.Read(new SourceText("Syscall(openat){ Pause } Syscall(-){ Pause } Syscall(1){ Pause } Syscall(no_such_call){ Pause } Syscall(create_module){ Pause } ExecuteAt(do_exit){ Pause }")), guest);
        Assert.Equal(["VMI3020", "VMI3021"], script.Diagnostics.Select(diagnostic => diagnostic.Id));
        HashSet<string?> names = Assert.IsType<ExecuteSite>(script.Probes[0].Site).Places.Select(place => place.Name).ToHashSet();
        Assert.Contains(guest.Profile.PointerSize == 8 ? "__x64_sys_openat" : "__ia32_sys_openat", names);
        Assert.Equal(guest.Profile.PointerSize == 8 ? 2 : 1, names.Count);
        Assert.Contains(Assert.IsType<ExecuteSite>(script.Probes[1].Site).Places, place => place.Name == (guest.Profile.PointerSize == 8 ? "do_syscall_64" : "do_int80_syscall_32"));
        Assert.Contains(Assert.IsType<ExecuteSite>(script.Probes[2].Site).Places, place => place.Name == (guest.Profile.PointerSize == 8 ? "__x64_sys_write" : "__ia32_sys_exit"));
    }

    /// <summary>The examples for this guest's size compile for it; those with a Configuration get this guest's own.</summary>
    private static void ExamplesCompile(LinuxGuest guest)
    {
        int compiled = 0;
        foreach (string path in Directory.EnumerateFiles(Path.Combine(RepositoryFolder.Root, "Examples"), "*.vmipl").Order(StringComparer.Ordinal))
        {
            if (path.EndsWith("-32.vmipl", StringComparison.Ordinal) != (guest.Profile.PointerSize == 4))
                continue;
            CompiledScript script = ScriptCompiler.Compile(ScriptReader.ReadFile(path), guest);
            Assert.True(!script.HasErrors, string.Join('\n', script.Diagnostics));
            compiled++;
        }
        Assert.InRange(compiled, 8, 100);
    }
}
