using VmiPl.Compilation;
using VmiPl.Compilation.Sites;
using VmiPl.Language;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Streams;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Compilation;

/// <summary>What has to be watched for each event.</summary>
public sealed class SiteTests
{
    [Fact]
    public void Each_event_has_its_site()
    {
        var guest = new SmallGuest(PagingMode.FourLevel);
        ulong place = guest.Kernel + 0x100;
        guest.Symbols["f"] = place;
        guest.Symbols["do_syscall_64"] = place + 0x100;
        guest.Symbols["do_fast_syscall_32"] = place + 0x200;
        const string Script = """
            CRWrite(8){ Pause } MSRWrite{ Pause } MSRWrite(0xc0000082){ Pause } IDTRWrite{ Pause } GDTRWrite{ Pause } IDTWrite{ Pause } GDTWrite{ Pause }
            ReadAt(f){ Pause } WriteAt(f+4){ Pause } WriteAt(f+1){ Pause } ExecuteAt(f+0x10){ Pause } Syscall{ Pause } OnResume{ Pause } OnExternalRequest(7){ Pause } Interrupt(14){ Pause }
            """;
        CompiledScript script = ScriptCompiler.Compile(ScriptReader.Read(new SourceText(Script)), guest.Open());
        Assert.Empty(script.Diagnostics);
        ProbeSite[] sites = [.. script.Probes.Select(probe => probe.Site)];
        Assert.Equal(
            [
                new ControlRegisterSite(8), new MsrSite(null), new MsrSite(0xC000_0082), new DescriptorRegisterSite(true), new DescriptorRegisterSite(false),
                new DescriptorTableSite(true), new DescriptorTableSite(false),
                new WatchSite(new NamedAddress(place, "f"), 1, true), new WatchSite(new NamedAddress(place + 4, "f+0x4"), 1, false),
                new WatchSite(new NamedAddress(place + 1, "f+0x1"), 1, false),
            ], sites[..10]);
        Assert.Equal([new NamedAddress(place + 0x10, "f+0x10")], Assert.IsType<ExecuteSite>(sites[10]).Places);
        Assert.Equal(["do_syscall_64", "do_fast_syscall_32"], Assert.IsType<ExecuteSite>(sites[11]).Places.Select(at => at.Name));
        Assert.Equal([new ResumeSite(), new RequestSite(7), new InterruptSite(14)], sites[12..]);
    }

    /// <summary>Where a Configuration says how calls are dispatched, that is the place, and the number's register decides.</summary>
    [Fact]
    public void A_configured_dispatcher_wins()
    {
        var guest = new SmallGuest(PagingMode.Pae);
        guest.Symbols["__ia32_sys_getpid"] = guest.Kernel + 0x300;
        string text = $"Configuration{{ SyscallDispatcherAddress: 0x{guest.Kernel + 0x80:x} SyscallNumberLocation: ECX }} Syscall{{ ReadRegister(EAX) }}";
        var linux = guest.Open();
        CompiledScript script = ScriptCompiler.Compile(ScriptReader.Read(new SourceText(text)), linux);
        Assert.Empty(script.Diagnostics);
        Assert.Equal([guest.Kernel + 0x80], Assert.IsType<ExecuteSite>(script.Probes[0].Site).Places.Select(at => at.Address));
        // There the registers are the vCPU's own.
        RecordingVcpu vcpu = RecordingVcpu.Run(script, linux, new VcpuRegisters { Cr3 = guest.UserRoot, Rax = 5 });
        Assert.Equal(5UL, Assert.IsType<RegisterRecord>(Assert.Single(vcpu.Records)).Value);
    }
}
