using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using VmiPl.TestGuests;
using VmiPl.Tests.Host;
using VmiPl.Tests.Module;

namespace VmiPl.Tests.Cmdlets;

/// <summary>Machines that are started here, by a module in a folder whose path LD_PRELOAD can't hold.</summary>
public sealed class StartMachineTests : GuestTests
{
    private const string Small = "'-machine', 'pc', '-accel', 'tcg', '-m', '16', '-nic', 'none', '-S'";
    private readonly string _module;

    public StartMachineTests(GuestFixture fixture)
        : base(fixture)
    {
        _module = Path.Combine(Folder, "My Modules", "VmiPl");
        foreach (string file in Directory.GetFiles(ModuleSession.Folder, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(_module, Path.GetRelativePath(ModuleSession.Folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    [Fact]
    public async Task A_guest_that_was_started_is_looked_into_and_outlives_PowerShell()
    {
        // The arguments of the fixture's guest, with files of its own.
        List<string> arguments = [.. File.ReadAllText($"/proc/{Guest.ProcessId}/cmdline").TrimEnd('\0').Split('\0').Skip(1)];
        arguments.RemoveRange(arguments.IndexOf("-name"), 2);
        arguments.RemoveRange(arguments.IndexOf("-qmp"), 2);
        foreach (string file in (string[])["console", "truth"])
            Replace(arguments, Path.Combine(Guest.Folder, file), Path.Combine(Folder, file));
        arguments[arguments.FindIndex(argument => argument.StartsWith("socket,id=control", StringComparison.Ordinal))] = "null,id=control";
        using (FileStream truth = File.Create(Path.Combine(Folder, "truth")))
            truth.SetLength(128L << 20);
        string list = string.Join(", ", arguments.Select(argument => $"'{argument.Replace("'", "''", StringComparison.Ordinal)}'"));
        File.WriteAllText(Path.Combine(Folder, "web 77.cfg"), "[rtc]\n  base = \"utc\"\n");

        HostResult host = await RunAsync($$"""
            $machine = Start-VmiMachine './web 77.cfg' -ArgumentList {{list}}
            [Console]::WriteLine($machine.ProcessId)
            do { $processes = Get-VmiProcessList $machine -ErrorAction Ignore } until ($processes.Name -contains 'marker')
            [Console]::WriteLine("$($machine.Name) $($processes.Count)")
            """);
        int id = int.Parse(host.Output.Split('\n')[0], CultureInfo.InvariantCulture);
        try
        {
            Assert.Equal("", host.Errors);
            Assert.StartsWith("web 77 ", host.Output.Split('\n')[1], StringComparison.Ordinal);
            // That PowerShell is gone; this one finds the machine.
            Assert.Contains("marker", Get("Get-VmiProcessList 'web 77'").Select(process => $"{process.Properties["Name"].Value}"));
            Assert.Contains("libvmi-shim.so", await File.ReadAllTextAsync($"/proc/{id}/maps", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }
        finally
        {
            End(id);
        }
    }

    [Fact]
    public async Task Its_object_is_the_one_that_Get_VmiMachine_gives()
    {
        HostResult host = await RunAsync($"""
            $one = Start-VmiMachine -Name web78 -ArgumentList {Small}
            [Console]::WriteLine($one.ProcessId)
            [Console]::WriteLine("$($one.GetType().FullName) $($one.State) $([object]::ReferenceEquals($one, (Get-VmiMachine web78)))")
            """);
        Assert.Equal("", host.Errors);
        string[] lines = host.Output.Split('\n');
        End(int.Parse(lines[0], CultureInfo.InvariantCulture));
        Assert.Equal("VmiPl.Machines.VmiMachine Paused True", lines[1]);
    }

    [Fact]
    public async Task Files_from_the_pipeline_each_make_a_machine()
    {
        foreach (string name in (string[])["web80", "web81"])
            await File.WriteAllTextAsync(Path.Combine(Folder, name + ".cfg"), "[memory]\n  size = \"16\"\n", TestContext.Current.CancellationToken);
        HostResult host = await RunAsync($"""
            [IO.DirectoryInfo]::new('{Folder}').GetFiles('web*.cfg') | Start-VmiMachine -ArgumentList '-accel', 'tcg', '-nic', 'none', '-S' |
                ForEach-Object -Process {Braced("[Console]::WriteLine(\"$($_.ProcessId) $($_.Name)\")")}
            """);
        Assert.Equal("", host.Errors);
        string[][] lines = [.. host.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))];
        Array.ForEach(lines, line => End(int.Parse(line[0], CultureInfo.InvariantCulture)));
        Assert.Equal(["web80", "web81"], lines.Select(line => line[1]).Order());

        static string Braced(string text) => "{ " + text + " }";
    }

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task An_interrupt_while_the_monitor_is_waited_for_ends_what_was_started(string signal)
    {
        Assert.SkipWhen(signal == "INT" && HostProcess.IsInterruptIgnored, "SIGINT is ignored here: this test runs as a shell's background job.");
        string program = Path.Combine(Folder, "silent"), pid = Path.Combine(Folder, "pid");
        await File.WriteAllTextAsync(program, $"#!/bin/sh\necho $$ >'{pid}'\nexec sleep 1000\n", TestContext.Current.CancellationToken);
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        using HostProcess host = HostProcess.Start("-Command",
            $"Import-Module '{_module}/VmiPl.psd1'; [Console]::WriteLine('ready'); Start-VmiMachine -Qemu '{program}' -ArgumentList '-S'; [Console]::WriteLine('not reached')");
        Assert.Equal("ready", await host.ReadLineAsync());
        Assert.True(SpinWait.SpinUntil(() => File.Exists(pid) && File.ReadAllText(pid).EndsWith('\n'), TimeSpan.FromMinutes(2)));
        int id = int.Parse(await File.ReadAllTextAsync(pid, TestContext.Current.CancellationToken), CultureInfo.InvariantCulture);

        host.Signal(signal);

        Assert.Equal("", (await host.EndAsync()).Output);
        Assert.True(IsGone(id));
    }

    [Theory]
    [InlineData("./nothing.cfg", "StartFailed OpenError", "nothing.cfg")]
    [InlineData("-ArgumentList '-no-such-option'", "StartFailed OpenError", "-no-such-option: invalid option")]
    [InlineData("-ArgumentList '-S' -Qemu no-such-qemu", "QemuUnavailable ObjectNotFound", "no-such-qemu")]
    [InlineData("-ArgumentList '-S' -Qemu ./no-such-qemu", "QemuUnavailable ObjectNotFound", "no program '/")]
    [InlineData("-ArgumentList '-S'", "ShimUnavailable ResourceUnavailable", "libvmi-shim.so")]
    public async Task What_fails_is_an_error_with_its_own_id(string arguments, string error, string words)
    {
        if (error.StartsWith("Shim", StringComparison.Ordinal))
            File.Delete(Path.Combine(_module, "native", "libvmi-shim.so"));
        HostResult host = await RunAsync($"""
            Start-VmiMachine {arguments} -ErrorAction SilentlyContinue -ErrorVariable failed
            [Console]::WriteLine("$($failed.Count) $($failed[0].FullyQualifiedErrorId.Split(',')[0]) $($failed[0].CategoryInfo.Category)")
            [Console]::WriteLine("$($failed[0])")
            """);
        string[] lines = host.Output.Split('\n', 2);
        Assert.Equal($"1 {error}", lines[0]);
        Assert.Contains(words, lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIf_shows_the_command_line_and_starts_nothing()
    {
        string shown = Session.Show("Start-VmiMachine ./web79.cfg -ArgumentList '-drive', 'file=a disk' -WhatIf");
        Assert.Contains($"-readconfig {Folder}/web79.cfg -drive 'file=a disk' -name guest=web79 -display none", shown, StringComparison.Ordinal);
        Assert.Contains("\"web79\"", shown, StringComparison.Ordinal);
        Assert.Empty(Get("Get-VmiMachine web79*"));
    }

    [Fact]
    public void Programs_complete()
    {
        using PowerShell shell = Session.Start("");
        shell.Commands.Clear();
        const string Input = "Start-VmiMachine -Qemu qemu-system-x";
        CommandCompletion completion = CommandCompletion.CompleteInput(Input, Input.Length, null, shell);
        Assert.Contains(completion.CompletionMatches, match => match.CompletionText == "qemu-system-x86_64");
    }

    /// <summary>Runs a script in a PowerShell of its own, as another copy of the module can't be loaded into this one.</summary>
    private Task<HostResult> RunAsync(string script) => HostProcess.RunAsync("-Command",
        $"Import-Module '{_module}/VmiPl.psd1'; $null = $ExecutionContext.SessionState.Path.SetLocation('{Folder}')\n{script}");

    private static void Replace(List<string> arguments, string before, string after)
    {
        for (int i = 0; i < arguments.Count; i++)
            arguments[i] = arguments[i].Replace(before, after, StringComparison.Ordinal);
    }

    private static bool IsGone(int id) => !File.Exists($"/proc/{id}/cmdline") || File.ReadAllText($"/proc/{id}/cmdline").Length == 0;

    private static void End(int id)
    {
        string folder = Path.GetDirectoryName(new FileInfo($"/proc/{id}/fd/2").LinkTarget!)!;
        using var process = Process.GetProcessById(id);
        process.Kill();
        Assert.True(SpinWait.SpinUntil(() => IsGone(id), TimeSpan.FromSeconds(30)));
        // The PowerShell that would have removed it has ended.
        Directory.Delete(folder, recursive: true);
    }
}
