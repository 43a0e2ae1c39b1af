using System.Management.Automation;
using VmiPl.Tests.Module;

namespace VmiPl.Tests.Cmdlets;

/// <summary>Saving memory and looking into dumps.</summary>
public sealed class SaveTests(GuestFixture fixture) : GuestTests(fixture)
{
    private const string Names = "ForEach-Object { '{0} {1} {2}' -f $_.ProcessId, $_.Name, $_.Path }";

    [Fact]
    public void A_saved_machine_shows_the_same_processes()
    {
        string[] live = [.. Get($"Suspend-VmiMachine $name -PassThru | Get-VmiProcessList | {Names}; Save-VmiMemory $name ./guest.core | Out-Null; Resume-VmiMachine $name").Select(line => $"{line}")];
        string[] saved = [.. Get($"Connect-VmiMachine -DumpPath ./guest.c* | Get-VmiProcessList | {Names}").Select(line => $"{line}")];

        Assert.NotEmpty(live);
        Assert.Equal(live, saved);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(Folder, "guest.core")));
        Assert.Equal("Dump", One<string>("(Get-VmiMachine guest.core).State.ToString()"));
        Fails("Suspend-VmiMachine guest.core", "MonitorUnavailable", ErrorCategory.ResourceUnavailable);
        Fails("Write-VmiMemory guest.core linux_banner 1", "AddressUnwritable", ErrorCategory.WriteError);
        Fails("Save-VmiMemory $name ./guest.core", "FileFailure", ErrorCategory.WriteError);
        Get("Disconnect-VmiMachine guest.core");
    }

    [Fact]
    public async Task Stop_ends_a_save_at_once_and_leaves_nothing()
    {
        using PowerShell shell = Session.Start("Save-VmiMemory $name ./stopped.core");
        TaskCompletionSource started = new(TaskCreationOptions.RunContinuationsAsynchronously);
        shell.Streams.Progress.DataAdded += (_, _) => started.TrySetResult();
        IAsyncResult running = shell.BeginInvoke();
        await started.Task.WaitAsync(TestContext.Current.CancellationToken);

        shell.Stop();

        Assert.True(running.IsCompleted);
        // A save that was faster than the stop is whole; one that was stopped is not there.
        if (shell.InvocationStateInfo.State == PSInvocationState.Stopped)
            Assert.Empty(Directory.EnumerateFileSystemEntries(Folder));
        Assert.Equal(2, Get("Get-VmiRegister $name").Count);
    }

    [Fact]
    public void Suspend_is_undone_when_the_save_fails()
    {
        Fails("Save-VmiMemory $name ./no-such-folder/guest.core -Suspend", "FileFailure", ErrorCategory.WriteError);
        Assert.Equal("Running", One<string>("(Get-VmiMachine $name).State.ToString()"));
    }

    [Fact]
    public void A_file_that_is_no_dump_is_an_error_with_its_name()
    {
        File.WriteAllText(Path.Combine(Folder, "letter.txt"), "This is no dump.");
        ErrorRecord error = Fails("Connect-VmiMachine -DumpPath ./letter.txt", "DumpInvalid", ErrorCategory.InvalidData);
        Assert.Contains("letter.txt", error.ToString(), StringComparison.Ordinal);
        Fails("Connect-VmiMachine -LiteralPath ./nothing", "MachineNotFound", ErrorCategory.ObjectNotFound);
    }
}
