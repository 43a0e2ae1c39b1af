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

    /// <summary>Whether both walks of a guest that stands still give the same, in the same order.</summary>
    public static void Matches(LinuxGuest guest, ProcessList expected)
    {
        CompiledScript script = ScriptCompiler.Compile(ScriptReader.Read(new SourceText(Script)), guest);
        Assert.Empty(script.Diagnostics);
        // The kernel's own table does for a CR3: the walk asks for nothing of the vCPU.
        var registers = new VcpuRegisters { Cr3 = guest.Profile.Location.Root.Value };
        Assert.Equal(
            expected.Processes.Select(task => $"{task.ProcessId,6} '{task.Name}' {task.Path ?? "-"} {task.PageDirectory:x} {task.TaskAddress:x}"),
            RecordingVcpu.Run(script, guest, registers).Records.Select(Shown));
    }

    private static string Shown(VmiRecord record) => record is ProcessRecord task
        ? $"{task.ProcessId,6} '{task.Name}' {task.Path ?? "-"} {task.PageDirectory:x} {task.TaskAddress:x}"
        : $"{record.GetType().Name}: {record.Error}";
}
