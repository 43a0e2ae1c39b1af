using VmiPl.Language;
using VmiPl.Language.Model;
using VmiPl.Language.Tables;

namespace VmiPl.Tests.Language;

public sealed class ScriptReaderTests
{
    [Fact]
    public void Published_example_means_what_it_says()
    {
        VmiScript script = Valid(ScriptCase.Named("published.case: the publication's own example").Script);
        Assert.Equal(
            ["ProcessListHead=0xc17cdfe0", "TasksOffset=440", "PIDOffset=520", "ProcessNameOffset=744", "MMStructOffset=468", "ExeFileOffset=444",
                "DEntryOffset=12", "ParentOffset=16", "DNameOffset=28", "PGDOffset=40"],
            script.Configuration.Select(key => $"{key.Key}={key.Value}"));

        Assert.Equal(2, script.EventProbes.Length);
        EventProbe switches = script.EventProbes[0];
        Assert.Equal((0, null, EventKind.ControlRegisterWrite, "CRWrite", 3UL, null, null),
            (switches.Id, switches.Label, switches.Kind, switches.EventName, switches.Number, switches.Name, switches.Address));
        AssertReadsCr3(Assert.Single(switches.Body));

        EventProbe at = script.EventProbes[1];
        Assert.Equal((1, EventKind.Execute, null, null, 0xc104f060UL), (at.Id, at.Kind, at.Number, at.Address!.Symbol, at.Address.Offset));
        Assert.Equal(2, at.Body.Length);
        var list = Assert.IsType<ProcessListStatement>(at.Body[0]);
        Assert.Equal([ProcessField.Pid, ProcessField.Name, ProcessField.Path, ProcessField.PageDirectory], list.Fields);
        Assert.Equal(new Output(false, "demo"), list.Output);
        AssertReadsCr3(at.Body[1]);

        StreamProbe network = Assert.Single(script.StreamProbes);
        Assert.Equal((2, null, "00:16:35:af:94:4b", new Output(false, "demo")), (network.Id, network.Label, network.MacAddress, network.Output));
        Assert.Empty(script.Reconfigurations);
        Assert.Equal("CRWrite(3)", Text(script, switches.Span));
        Assert.Equal("CaptureNetwork(00:16:35:AF:94:4B, #demo)", Text(script, network.Span));
    }

    [Fact]
    public void Values_are_in_the_complement_of_their_size()
    {
        VmiScript script = Valid(
            """
            x: Syscall(openat){
                RegisterHasValue(EAX, -1){ Pause }
                RegisterHasValue(CR3, -1){ Pause }
                ValueAtAddressIs(jiffies-8, -2, 2){ Pause }
                ValueAtAddressIs(0x10, 7){ Pause }
                WriteToMemoryAt(rsp, -8, -1, 1)
                ReadMemoryAt(RSP, 64, -0x8000000000000000)
            }
            """);
        EventProbe probe = Assert.Single(script.EventProbes);
        Assert.Equal(("x", EventKind.SystemCall, null, "openat"), (probe.Label, probe.Kind, probe.Number, probe.Name));
        var eax = Assert.IsType<RegisterHasValueFilter>(probe.Body[0]);
        Assert.Equal((GuestRegister.Rax, 32, "EAX", 0xffffffffUL), (eax.Register.Register, eax.Register.Bits, eax.Register.Name, eax.Value));
        Assert.IsType<PauseStatement>(Assert.Single(eax.Body));
        Assert.Equal(ulong.MaxValue, Assert.IsType<RegisterHasValueFilter>(probe.Body[1]).Value);
        var small = Assert.IsType<ValueAtAddressIsFilter>(probe.Body[2]);
        Assert.Equal(("jiffies", ulong.MaxValue - 7, 0xfffeUL, (int?)2), (small.Address.Symbol, small.Address.Offset, small.Value, small.Size));
        var pointer = Assert.IsType<ValueAtAddressIsFilter>(probe.Body[3]);
        Assert.Equal((null, 0x10UL, 7UL, null), (pointer.Address.Symbol, pointer.Address.Offset, pointer.Value, pointer.Size));
        var write = Assert.IsType<WriteMemoryAtStatement>(probe.Body[4]);
        Assert.Equal((GuestRegister.Rsp, 64, -8L, 0xffUL, (int?)1), (write.Register.Register, write.Register.Bits, write.Offset, write.Value, write.Size));
        var read = Assert.IsType<ReadMemoryAtStatement>(probe.Body[5]);
        Assert.Equal((64, long.MinValue, Output.Default), (read.Size, read.Offset, read.Output));
    }

    [Fact]
    public void Filters_strings_and_fields_keep_what_was_written()
    {
        VmiScript script = Valid(
            """
            OnResume{
                ProcessIs(pid, 4711){ ReadString(rdi, 16, out.txt) }
                ProcessIs(NAME, "sshd"){ ReadString(linux_banner, 32, "a b") }
                ReadVMCS(EXIT_QUALIFICATION, VM_EXIT_REASON, VM_EXIT_INTR_INFO)
                ReadMemory(jiffies 8 , /tmp/j)
            }
            """);
        var body = script.EventProbes[0].Body;
        var byId = Assert.IsType<ProcessIdIsFilter>(body[0]);
        Assert.Equal(4711, byId.ProcessId);
        var atRegister = Assert.IsType<ReadStringStatement>(Assert.Single(byId.Body));
        Assert.Equal((GuestRegister.Rdi, null, 16, new Output(true, "out.txt")), (atRegister.Register!.Register, atRegister.Address, atRegister.MaxBytes, atRegister.Output));
        var byName = Assert.IsType<ProcessNameIsFilter>(body[1]);
        Assert.Equal("sshd", byName.Name);
        var atAddress = Assert.IsType<ReadStringStatement>(Assert.Single(byName.Body));
        Assert.Equal((null, "linux_banner", new Output(true, "a b")), (atAddress.Register, atAddress.Address!.Symbol, atAddress.Output));
        Assert.Equal([VmcsField.ExitQualification, VmcsField.ExitReason, VmcsField.InterruptInformation], Assert.IsType<ReadVmcsStatement>(body[2]).Fields);
        Assert.Equal(new Output(true, "/tmp/j"), Assert.IsType<ReadMemoryStatement>(body[3]).Output);
    }

    [Fact]
    public void References_are_resolved_where_the_script_has_the_probe()
    {
        VmiScript script = Valid("a: CRWrite(3){ Reconfigure(b) Reconfigure(b){} Reconfigure(0){ Pause } }\nb: MSRWrite(LSTAR){ Pause }\nkeys: CaptureKeyboardInput");
        ReconfigureStatement[] found = [.. script.EventProbes[0].Body.Cast<ReconfigureStatement>()];
        Assert.Equal([(1, "b"), (1, "b"), (0, null)], found.Select(reconfigure => (reconfigure.Probe.Id, reconfigure.Probe.Label)));
        Assert.Null(found[0].Body);
        Assert.Empty(found[1].Body!.Value);
        Assert.Single(found[2].Body!.Value);
        Assert.Equal(0xc0000082UL, script.EventProbes[1].Number);
        Assert.Equal((2, "keys", null), (script.StreamProbes[0].Id, script.StreamProbes[0].Label, script.StreamProbes[0].MacAddress));

        VmiScript outside = Valid("Reconfigure(exits){ Pause }\nReconfigure(7)");
        Assert.Equal([(null, "exits"), (7, null)], outside.Reconfigurations.Select(reconfigure => (reconfigure.Probe.Id, reconfigure.Probe.Label)));
        Assert.Null(outside.Reconfigurations[1].Body);
    }

    [Theory]
    [InlineData("CRWrite(3){ ReadRegster(CR3) }", "did you mean `ReadRegister`?")]
    [InlineData("ExecutAt(do_exit){ Pause }", "did you mean `ExecuteAt`?")]
    [InlineData("CRWrite(3){ ReadAtt(1) }", "did you mean `ReadAt`?")]
    [InlineData("CRWrite(3){ ReadRegister(EAXX) }", "did you mean `EAX`?")]
    [InlineData("CRWrite(3){ ProcessList(NAEM) }", "did you mean `NAME`?")]
    [InlineData("MSRWrite(LSTRA){ Pause }", "did you mean `LSTAR`?")]
    [InlineData("Configuration{ PIDOfset: 1 }", "did you mean `PIDOffset`?")]
    [InlineData("exits: CRWrite(3){ Reconfigure(exit) }", "did you mean `exits`?")]
    [InlineData("CRWrite(CR3){ Pause }", "write the number only: `CRWrite(3)`")]
    [InlineData("CRWrite(3){ Xyzzy }", null)]
    public void Hints_name_what_may_have_been_meant(string script, string? hint) => Assert.Equal(hint, Assert.Single(Read(script).Diagnostics).Hint);

    [Theory]
    [InlineData("CRWrite(3, 4){ Pause }", "`CRWrite` takes 1 argument, a control register number (0, 3, 4 or 8); there are 2.")]
    [InlineData("IDTRWrite(1){ Pause }", "`IDTRWrite` takes no arguments; there is 1.")]
    [InlineData("ReadAt{ Pause }", "`ReadAt` takes 1 argument, an address: a number or a kernel symbol, with or without an offset; there is none.")]
    [InlineData("CRWrite(3){ ReadMemory(jiffies) }", "`ReadMemory` takes 2 to 3 arguments; there is 1.")]
    [InlineData("CRWrite(5){ Pause }", "The number of `CRWrite` is a control register number (0, 3, 4 or 8); 5 is not.")]
    [InlineData("CRWrite(3){ ReadMemory(jiffies, RAX) }", "The register `RAX` cannot be the size of `ReadMemory`, which is a number of bytes from 1 to 65536.")]
    [InlineData("CRWrite(3){ RegisterHasValue(EAX, 0x100000000){ Pause } }", "The value 0x100000000 does not fit into the 32 bits of EAX.")]
    [InlineData("CRWrite(3){ Reconfigure(1) }\nCRWrite(4){ Reconfigure(4) }", "There is no probe with the id 4; this script has event probes 0 to 1.")]
    [InlineData("Pause", "The instruction `Pause` cannot stand outside an event probe.")]
    public void Messages_say_it_in_the_language_s_terms(string script, string message) => Assert.Equal(message, Assert.Single(Read(script).Diagnostics).Message);

    [Fact]
    public void Diagnostics_are_bounded()
    {
        VmiScript script = Read(string.Concat(Enumerable.Repeat("Nonsense\n", 50_000)));
        Assert.Equal(DiagnosticBag.Limit + 1, script.Diagnostics.Length);
        Assert.Equal(DiagnosticIds.TooManyDiagnostics.Id, script.Diagnostics[^1].Id);
    }

    [Fact]
    public void Long_words_are_shown_short()
    {
        Diagnostic only = Assert.Single(Read("CRWrite(3){ " + new string('x', 100_000) + " }").Diagnostics);
        Assert.Equal(DiagnosticIds.UnknownName.Id, only.Id);
        Assert.InRange(only.Message.Length, 1, 200);
    }

    private static VmiScript Read(string text) => ScriptReader.Read(new SourceText(text));

    private static VmiScript Valid(string text)
    {
        VmiScript script = Read(text);
        Assert.Empty(script.Diagnostics);
        return script;
    }

    private static string Text(VmiScript script, SourceSpan span) => script.Source.Text.Substring(span.Start, span.Length);

    private static void AssertReadsCr3(Statement statement)
    {
        var read = Assert.IsType<ReadRegisterStatement>(statement);
        Assert.Equal((GuestRegister.Cr3, 0, "CR3", new Output(false, "demo")), (read.Register.Register, read.Register.Bits, read.Register.Name, read.Output));
    }
}
