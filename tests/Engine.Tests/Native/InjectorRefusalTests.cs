using VmiPl.Interop;
using VmiPl.Tests.Machines;

namespace VmiPl.Tests.Native;

/// <summary>What vmi-inject says where it does not work, and that the process is none the worse for it.</summary>
public sealed class InjectorRefusalTests(InjectorWorkshop workshop) : IClassFixture<InjectorWorkshop>
{
    private string PollLoop => workshop.Compile("pollloop", "pollloop.c", "-pthread");

    [Theory]
    [InlineData]
    [InlineData("load")]
    [InlineData("load", "1")]
    [InlineData("unload", "1", "2")]
    [InlineData("unload", "-1")]
    [InlineData("unload", "1x")]
    [InlineData("unload", "99999999999999999999")]
    public void Nonsense_is_answered_with_the_usage(params string[] arguments) =>
        AssertRefused(InjectorWorkshop.Usage, "", InjectorWorkshop.Run([workshop.Program, .. arguments]));

    [Fact]
    public void A_process_that_is_none_is_said_to_be_none() =>
        AssertRefused(InjectorWorkshop.NoProcess, "there is no process", workshop.Load(int.MaxValue));

    [Fact]
    public void A_statically_linked_program_can_not_load()
    {
        using var target = new InjectorTarget(workshop.Compile("pollloop-static", "pollloop.c", "-pthread -static"), "poll");
        AssertRefused(InjectorWorkshop.Unsuitable, "statically linked", workshop.Load(target.Id));
        target.AssertUnharmed();
    }

    [Fact]
    public void A_32_bit_program_can_not_be_helped()
    {
        string program = workshop.Compile("word32", "word32.c",
            "-m32 -ffreestanding -fno-stack-protector -fno-pic -no-pie -static -nostdlib -fcf-protection=none");
        InjectorTarget? target = null;
        try
        {
            target = new InjectorTarget(program);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("This kernel runs no 32-bit programs.");
        }
        using (target)
            AssertRefused(InjectorWorkshop.Unsuitable, "32-bit", workshop.Load(target.Id));
    }

    [Fact]
    public void A_target_that_never_waits_is_left_alone_after_a_time()
    {
        using var target = new InjectorTarget(workshop.Compile("busy", "busy.c", "-pthread"));
        string[] files = ProcessTrace.Files(target.Id);
        byte[] code = ProcessTrace.Code(target.Id);
        AssertRefused(InjectorWorkshop.NotSafe, "did not wait for work", workshop.Load(target.Id));
        target.AssertUnharmed();
        Assert.Equal(files, ProcessTrace.Files(target.Id));
        Assert.Equal(code, ProcessTrace.Code(target.Id));
    }

    [Fact]
    public void A_stopped_process_stays_stopped()
    {
        using var target = new InjectorTarget(PollLoop, "poll");
        Assert.Equal(0, InjectorWorkshop.Run(["/bin/kill", "-STOP", $"{target.Id}"]).Code);
        AssertRefused(InjectorWorkshop.NotSafe, "SIGCONT", workshop.Load(target.Id));
        // A stopped process wakes as its tracer leaves it, and stops again on its way out of the kernel (kernel/ptrace.c, __ptrace_unlink).
        IdleQemu.Await(() => File.ReadAllText($"/proc/{target.Id}/status").Contains("State:\tT (stopped)", StringComparison.Ordinal));
        Assert.Equal(0, InjectorWorkshop.Run(["/bin/kill", "-CONT", $"{target.Id}"]).Code);
        target.AssertUnharmed();
        Assert.Equal(InjectorWorkshop.Done, workshop.Load(target.Id).Code);
        target.AssertUnharmed();
    }

    [Theory]
    [InlineData("UNNAMED", "does not export")]
    [InlineData("nothing", "No such file")]
    [InlineData("text", "no shared library")]
    public void A_file_that_is_of_no_use_is_named(string kind, string reason)
    {
        string path = kind switch
        {
            "text" => workshop.Write("text", new string('x', 5000)),
            "nothing" => workshop.Library + "-not",
            _ => workshop.TroubleWith(kind),
        };
        using var target = new InjectorTarget(PollLoop, "poll");
        AssertRefused(InjectorWorkshop.BadLibrary, reason, workshop.Load(target.Id, path));
        target.AssertUnharmed();
    }

    [Fact]
    public void Another_users_process_is_not_touched()
    {
        Assert.SkipWhen(NativeFolder.UserId != 0, "Only root can become the other user that this takes.");
        using var target = new InjectorTarget(PollLoop, "poll");
        AssertRefused(InjectorWorkshop.NotPermitted, "belongs to user 0",
            InjectorWorkshop.Run([.. InjectorWorkshop.AsNobody, workshop.Program, "load", $"{target.Id}", workshop.Library]));
        target.AssertUnharmed();
    }

    [Fact]
    public void A_process_that_is_traced_names_its_tracer()
    {
        using var target = new InjectorTarget(PollLoop, "poll");
        using (var tracer = new InjectorTarget(workshop.Compile("tracer", "tracer.c", "-pthread"), $"{target.Id}"))
            AssertRefused(InjectorWorkshop.NotPermitted, $"already traced by process {tracer.Id},", workshop.Load(target.Id));
        Assert.Equal(InjectorWorkshop.Done, workshop.Load(target.Id).Code);
        target.AssertUnharmed();
    }

    private static void AssertRefused(int code, string reason, (int Code, string Text) result)
    {
        Assert.True(code == result.Code, $"{result.Code}: {result.Text}");
        Assert.Contains(reason, result.Text, StringComparison.Ordinal);
        Assert.StartsWith("vmi-inject: ", result.Text, StringComparison.Ordinal);
        Assert.Equal(1, result.Text.Count(c => c == '\n'));
    }
}
