using VmiPl.Compilation;
using VmiPl.Language;
using VmiPl.Language.Model;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Streams;

namespace VmiPl.Tests.Compilation;

/// <summary>The <c>ProcessList</c> probe as a program, held against the process list that is read directly.</summary>
internal static class WalkByProgram
{
    private const string Script = "OnExternalRequest(1){ ProcessList(PID, NAME, PATH, PGDP, #list) }";

    /// <summary>Whether both walks of a guest give the same, in the same order. A guest that cannot be paused is asked directly before and after: what is
    /// compared was read while the two agreed.</summary>
    public static void Matches(LinuxGuest guest, ProcessQuery? query = null)
    {
        CompiledScript script = ScriptCompiler.Compile(ScriptReader.Read(new SourceText(Script)), guest);
        Assert.Empty(script.Diagnostics);
        // The kernel's own table does for a CR3: the walk asks for nothing of the vCPU.
        var registers = new VcpuRegisters { Cr3 = guest.Profile.Location.Root.Value };
        string[] before = Direct(guest, query);
        for (int attempt = 0; attempt < 10; attempt++)
        {
            string[] walked = [.. RecordingVcpu.Run(script, guest, registers).Records.Select(Shown)];
            string[] after = Direct(guest, query);
            if (before.SequenceEqual(after))
            {
                Assert.Equal(before, walked);
                return;
            }
            before = after;
        }
        Assert.Fail("The guest's tasks did not stand still in ten attempts.");
    }

    private static string[] Direct(LinuxGuest guest, ProcessQuery? query) =>
        [.. guest.Processes(query).Processes.Select(task => $"{task.ProcessId,6} '{task.Name}' {task.Path ?? "-"} {task.PageDirectory:x} {task.TaskAddress:x}")];

    private static string Shown(VmiRecord record) => record is ProcessRecord task
        ? $"{task.ProcessId,6} '{task.Name}' {task.Path ?? "-"} {task.PageDirectory:x} {task.TaskAddress:x}"
        : $"{record.GetType().Name}: {record.Error}";
}
