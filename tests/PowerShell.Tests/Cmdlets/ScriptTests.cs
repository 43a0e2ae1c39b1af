using System.Management.Automation;
using VmiPl.Tests.Module;
using VmiPl.Tests.Repository;

namespace VmiPl.Tests.Cmdlets;

/// <summary><c>Test-VmiScript</c> without a guest.</summary>
public sealed class ScriptTests : IDisposable
{
    private readonly ModuleSession _session = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("vmipl-scripts-").FullName;

    public static TheoryData<string> Examples =>
        [.. Directory.EnumerateFiles(Path.Combine(RepositoryFolder.Root, "Examples"), "*.vmipl").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    public void Dispose()
    {
        _session.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory, MemberData(nameof(Examples))]
    public void The_examples_are_right(string name)
    {
        PSObject report = Assert.Single(_session.Get($"Test-VmiScript '{Path.Combine(RepositoryFolder.Root, "Examples", name)}'"));
        Assert.True((bool)report.Properties["IsValid"].Value);
    }

    [Fact]
    public void A_text_is_summed_up()
    {
        PSObject report = Assert.Single(_session.Get("'ends: ExecuteAt(do_exit+0x10){ ReadRegister(CR3, #exits) Pause }' | Test-VmiScript"));
        Assert.Null(report.Properties["File"].Value);
        Assert.Equal(["#exits"], (IEnumerable<string>)report.Properties["Outputs"].Value);
        Assert.Equal(["do_exit"], (IEnumerable<string>)report.Properties["LeftOpen"].Value);
        PSObject probe = Assert.Single(_session.Get("('ends: ExecuteAt(do_exit+0x10){ ReadRegister(CR3, #exits) Pause }' | Test-VmiScript).EventProbes"));
        Assert.Equal(("ends", "ExecuteAt(do_exit+0x10)", 2), ((string)probe.Properties["Label"].Value, (string)probe.Properties["Event"].Value, (int)probe.Properties["DataProbes"].Value));
    }

    [Fact]
    public void An_error_is_a_diagnostic_and_an_error_record_that_points_into_the_script()
    {
        string path = Write("bad.vmipl", "ExecuteAt(do_exit){\n    ReadRegistr(CR3, #t)\n}\n");
        ModuleResult result = _session.Run($"Test-VmiScript '{path}'");

        ErrorRecord error = Assert.Single(result.Errors);
        Assert.Matches(@"^VMI\d{4},", error.FullyQualifiedErrorId);
        Assert.Equal(ErrorCategory.ParserError, error.CategoryInfo.Category);
        Assert.StartsWith($"{path}:2:5: error VMI", error.ToString(), StringComparison.Ordinal);
        Assert.Equal("    ReadRegistr(CR3, #t)", PSObject.AsPSObject(error.TargetObject).Properties["LineText"].Value);
        string[] lines = error.Exception.Message.Split('\n');
        Assert.StartsWith($"{path}:2:5: error VMI", lines[0], StringComparison.Ordinal);
        Assert.Equal("        ReadRegistr(CR3, #t)", lines[1]);
        Assert.StartsWith("        ~", lines[2], StringComparison.Ordinal);
        Assert.False((bool)Assert.Single(result.Output).Properties["IsValid"].Value);
    }

    [Fact]
    public void One_unreadable_file_does_not_keep_the_others()
    {
        string good = Write("good.vmipl", "OnResume{ ReadRegister(CR3) }");
        ModuleResult result = _session.Run($"Test-VmiScript '{_folder}/none.vmipl', '{good}'");
        Assert.Single(result.Errors);
        Assert.True((bool)result.Output[^1].Properties["IsValid"].Value);
        Assert.False(result.Terminated);
    }

    [Fact]
    public void Wildcards_pipelines_and_literal_paths_name_files()
    {
        string odd = Write("[a].vmipl", ""), other = Write("b.vmipl", "");
        Assert.Equal([odd, other], Files($"Test-VmiScript '{_folder}/*.vmipl'"));
        // As Get-ChildItem gives files: their texts must not be taken for scripts.
        Assert.Equal([odd, other], Files(
            $$"""
            '{{odd}}', '{{other}}' | ForEach-Object {
                $file = [psobject] [IO.FileInfo]::new($_)
                $file.PSObject.Properties.Add([psnoteproperty]::new('PSPath', $_))
                $file
            } | Test-VmiScript
            """));
        Assert.Equal([odd], Files($"Test-VmiScript -LiteralPath '{odd}'"));
    }

    [Fact]
    public void Paths_complete_to_scripts_and_folders()
    {
        Write("one.vmipl", "");
        Write("two.txt", "");
        Directory.CreateDirectory(Path.Combine(_folder, "three"));
        string input = $"Test-VmiScript {_folder}/";
        using PowerShell shell = _session.Start("");
        shell.Commands.Clear();
        CommandCompletion completion = CommandCompletion.CompleteInput(input, input.Length, null, shell);
        Assert.Equal(["one.vmipl", "three"], completion.CompletionMatches.Select(match => match.ListItemText).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Relative_paths_complete_at_the_prompt()
    {
        Write("one.vmipl", "");
        Write("on top.vmipl", "");
        _session.Get($"$null = $ExecutionContext.SessionState.Path.SetLocation('{_folder}')");
        Assert.Equal(["'on top.vmipl'", "one.vmipl"], _session.Get("(TabExpansion2 'Test-VmiScript on' 17).CompletionMatches.CompletionText").Select(text => text.ToString()));
    }

    [Fact]
    public void Diagnostics_can_be_counted_and_indexed_by_a_runbook() =>
        Assert.Equal("2 VMI2015", _session.Get("$r = 'OnResume{ ReadRegistr(EAX) ReadRegister(EAXX) }' | Test-VmiScript -ErrorAction Ignore; \"$($r.Diagnostics.Count) $($r.Diagnostics[1].Id)\"").Single().ToString());

    [Fact]
    public void Costs_and_programs_without_a_machine_say_that_they_are_estimates()
    {
        const string Command = "'ExecuteAt(do_exit){ ProcessList(PID, #p) Reconfigure(0){ ReadRegister(RIP) } }' | Test-VmiScript -ShowProgram";
        PSObject report = Assert.Single(_session.Get(Command));
        Assert.True((bool)report.Properties["IsEstimate"].Value);
        Assert.Equal([0, 1], _session.Get($"({Command}).Programs.Body").Select(body => (int)body.BaseObject));
        Assert.True((int)Assert.Single(_session.Get($"({Command}).EventProbes[0].Cost.PerProcess.GuestAccesses")).BaseObject > 0);
        Assert.Empty(_session.Get($"({Command}).EventProbes[0].Site | Where-Object {{ $_ }}"));
        string shown = _session.Show(Command);
        Assert.Contains("an estimate: no machine was given", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("Diagnostics", shown, StringComparison.Ordinal);
        Assert.Contains("exit", shown, StringComparison.Ordinal);
        Assert.Empty(_session.Get("('OnResume{ ReadRegister(RIP) }' | Test-VmiScript).Programs"));
    }

    [Fact]
    public void A_machine_that_is_not_there_is_an_error_and_gives_no_report()
    {
        ModuleResult result = _session.Run("'OnResume{ ReadRegister(RIP) }' | Test-VmiScript -Machine no-such-machine-at-all");
        Assert.StartsWith("MachineNotFound", Assert.Single(result.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Empty(result.Output);
    }

    private IEnumerable<string> Files(string command) => _session.Get(command).Select(report => (string)report.Properties["File"].Value).Order(StringComparer.Ordinal);

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
