using VmiPl.Interop;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;
using VmiPl.Tests.Machines;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Native;

/// <summary>vmi-inject on real QEMUs.</summary>
public sealed class InjectorQemuTests(InjectorWorkshop workshop) : IClassFixture<InjectorWorkshop>
{
    private const string Sandbox = " -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

    [Theory]
    [InlineData("", false)]
    [InlineData(Sandbox, false)]
    [InlineData(Sandbox, true)]
    public void QEMU_answers_as_before(string options, bool asNobody)
    {
        Assert.SkipWhen(asNobody && NativeFolder.UserId != 0, "Only root can become the other user that this takes.");
        string program = asNobody
            ? workshop.Write("qemu-as-nobody", $"#!/bin/sh\nchown 65534 . && exec {string.Join(' ', InjectorWorkshop.AsNobody)} {IdleQemu.Program} \"$@\"\n")
            : IdleQemu.Program;
        if (asNobody)
            File.SetUnixFileMode(program, (UnixFileMode)0b111_101_101);
        string[] inject = asNobody ? [.. InjectorWorkshop.AsNobody, workshop.Program] : [workshop.Program];
        using var qemu = new IdleQemu(IdleQemu.Qmp + options, program);
        int id = qemu.Process.Id;
        Settle(qemu);
        string[] files = ProcessTrace.Files(id), mappings = ProcessTrace.Mappings(id);
        byte[] code = ProcessTrace.Code(id);
        for (int times = 0; times < 3; times++)
        {
            AssertDone(InjectorWorkshop.Run([.. inject, "load", $"{id}", workshop.Library]));
            Settle(qemu);
            Assert.True(ProcessTrace.IsLoaded(id));
            AssertDone(InjectorWorkshop.Run([.. inject, "unload", $"{id}"]));
            Settle(qemu);
            Assert.Equal(files, ProcessTrace.Files(id));
            Assert.Equal(mappings, ProcessTrace.Mappings(id));
            Assert.Equal(code, ProcessTrace.Code(id));
        }
    }

    [Fact]
    public void The_injector_may_be_killed_at_any_moment()
    {
        using var qemu = new IdleQemu(IdleQemu.Qmp + Sandbox);
        int id = qemu.Process.Id;
        for (int kills = 1; kills <= FullCounts.Or(40, 400); kills++)
        {
            workshop.Kill(kills % 2 == 0 ? ["unload", $"{id}"] : ["load", $"{id}", workshop.Library]);
            Settle(qemu);
        }
        Assert.Contains(workshop.Load(id).Code, new[] { InjectorWorkshop.Done, InjectorWorkshop.AlreadyLoaded });
        AssertDone(workshop.Unload(id));
        Assert.False(ProcessTrace.IsLoaded(id));
        Assert.DoesNotContain(ProcessTrace.Files(id), file => file.EndsWith(InjectorWorkshop.Mark, StringComparison.Ordinal));
        Settle(qemu);
    }

    [Fact]
    public async Task A_guest_at_work_goes_on()
    {
        var options = new GuestOptions { Vcpus = 2, MemoryMiB = 256 };
        GuestFacts.Need(options.Kernel);
        await using TestGuest guest = await TestGuest.StartAsync(options, TestContext.Current.CancellationToken);
        for (int times = 0; times < 5; times++)
        {
            Task<string> work = guest.CommandAsync("spawn 20", TestContext.Current.CancellationToken);
            AssertDone(workshop.Load(guest.ProcessId));
            await work;
            work = guest.CommandAsync("calls 20000", TestContext.Current.CancellationToken);
            AssertDone(workshop.Unload(guest.ProcessId));
            await work;
        }
    }

    // A command's answer comes from the main thread; after it, that of a client before is closed.
    private static void Settle(IdleQemu qemu)
    {
        using (var monitor = new QmpSocket(qemu.QmpPath))
            monitor.Execute("query-status");
        IdleQemu.Await(() => ProcessTrace.Files(qemu.Process.Id).Count(file => file.Contains("socket:", StringComparison.Ordinal)) == 1);
    }

    private static void AssertDone((int Code, string Text) result) => Assert.True(result.Code == InjectorWorkshop.Done, result.Text);
}
