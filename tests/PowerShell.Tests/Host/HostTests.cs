namespace VmiPl.Tests.Host;

/// <summary>Holds that the project's PowerShell host behaves as pwsh does where the build script relies on it.</summary>
public sealed class HostTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmipl host ").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("'done'", 0)]
    [InlineData("exit 7", 7)]
    [InlineData("& sh -c 'exit 3'; exit $LASTEXITCODE", 3)]
    [InlineData("& sh -c 'exit 3'; 'a native failure alone is none'", 0)]
    [InlineData("throw 'boom'", 1)]
    [InlineData("$ErrorActionPreference = 'Stop'; Get-Nothing", 1)]
    public async Task The_exit_code_is_the_scripts_own(string script, int expected) =>
        Assert.Equal(expected, (await HostProcess.RunAsync(Script(script))).ExitCode);

    [Theory]
    [InlineData("exit 5", 5)]
    [InlineData("1 + 1", 0)]
    [InlineData("Get-Nothing", 1)]
    public async Task The_exit_code_of_a_command_is_its_own(string command, int expected) =>
        Assert.Equal(expected, (await HostProcess.RunAsync("-Command", command)).ExitCode);

    [Fact]
    public async Task Arguments_bind_by_name_and_position_and_keep_their_characters()
    {
        string script = Script(
            "param([Parameter(Position=0)][string]$Task, [switch]$Fast, [switch]$Slow, [Parameter(ValueFromRemainingArguments)][string[]]$Rest)",
            "\"$Task|$Fast|$Slow|$($Rest -join '+')\"");

        HostResult result = await HostProcess.RunAsync(script, "it's $HOME", "-fast", "-Slow:$false", "--filter", "a b", "-5");

        Assert.Equal("it's $HOME|True|False|--filter+a b+-5\n", result.Output);
    }

    [Fact]
    public async Task Output_and_errors_go_their_own_ways_and_errors_say_where()
    {
        HostResult result = await HostProcess.RunAsync(Script("'good'", "throw 'bad'"));

        Assert.Equal("good\n", result.Output);
        Assert.Contains("bad", result.Errors, StringComparison.Ordinal);
        Assert.Contains("script.ps1:2 char:1", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Objects_are_formatted_without_escape_sequences_where_nobody_sees_them()
    {
        HostResult result = await HostProcess.RunAsync("-Command", "[pscustomobject]@{ Name = 'web01'; Size = 512 }");

        Assert.Contains("web01", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', result.Output);
    }

    [Theory]
    [InlineData("TERM", 143)]
    [InlineData("INT", 130)]
    public async Task A_signal_stops_the_script_and_lets_it_clean_up(string signal, int expected)
    {
        Assert.SkipWhen(signal == "INT" && HostProcess.IsInterruptIgnored, "SIGINT is ignored here: this test runs as a shell's background job.");
        using HostProcess host = HostProcess.Start(
            Script("try { 'ready'; while ($true) { [Threading.Thread]::Sleep(10) } } finally { [Console]::WriteLine('cleaned') }"));
        Assert.Equal("ready", await host.ReadLineAsync());

        host.Signal(signal);
        HostResult result = await host.EndAsync();

        Assert.Equal("cleaned\n", result.Output);
        Assert.Equal(expected, result.ExitCode);
    }

    [Fact]
    public async Task A_command_line_without_a_script_is_explained()
    {
        HostResult result = await HostProcess.RunAsync();

        Assert.Equal(64, result.ExitCode);
        Assert.StartsWith("usage:", result.Errors, StringComparison.Ordinal);
    }

    private string Script(params string[] lines)
    {
        string path = Path.Combine(_folder, "script.ps1");
        File.WriteAllLines(path, lines);
        return path;
    }
}
