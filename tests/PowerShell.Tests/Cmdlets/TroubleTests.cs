using System.Management.Automation;
using System.Net.Sockets;
using System.Text;
using VmiPl.Tests.Host;
using VmiPl.Tests.Module;

namespace VmiPl.Tests.Cmdlets;

/// <summary>What goes wrong on a host, as an operator meets it: a clear error, and a next command that works.</summary>
public sealed class TroubleTests(GuestFixture fixture) : GuestTests(fixture)
{
    [Fact]
    public void A_busy_monitor_is_named_and_memory_is_read_without_it()
    {
        using (var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            // One command's connection ends a second after it: until then QEMU lets nobody else in either.
            other.Connect(new UnixDomainSocketEndPoint(Guest.MonitorPath!));
            var greeting = new byte[1];
            Assert.Equal(1, other.Receive(greeting));

            Fails("Suspend-VmiMachine $name", "MonitorBusy", ErrorCategory.ResourceBusy);
            Assert.NotEmpty(Get("Get-VmiProcessList $name"));
        }
        // QEMU takes a moment to notice that the other one has gone.
        Assert.True(SpinWait.SpinUntil(() => Session.Run("Get-VmiRegister $name").Output.Count == 2, TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task A_monitor_that_talks_nonsense_is_named_as_such()
    {
        string path = Path.Combine(Folder, "monitor");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        using var stop = new CancellationTokenSource();
        Task serving = TalkNonsenseAsync(listener, stop.Token);

        Fails($"Connect-VmiMachine -MonitorPath '{path}'", "MonitorProtocol", ErrorCategory.ProtocolError);

        await stop.CancelAsync();
        await serving;
        Assert.NotEmpty(Get("Get-VmiMachine $name"));
    }

    [Fact]
    public async Task A_user_without_the_right_is_told_so_and_what_to_do()
    {
        if (Environment.UserName != "root")
            Assert.Skip("Only root can become the other user that this takes.");
        string folder = CopyForEverybody();
        try
        {
            string script = $$"""
                Import-Module '{{folder}}/VmiPl/VmiPl.psd1'
                $machines = @(Get-VmiMachine -ErrorVariable failures -ErrorAction SilentlyContinue)
                foreach ($failure in $failures) { "$($failure.FullyQualifiedErrorId.Split(',')[0]) $($failure.CategoryInfo.Category) $($failure.ErrorDetails.RecommendedAction)" }
                try { Get-VmiProcessList {{Guest.ProcessId}} -ErrorAction Stop } catch { "list: $($_.FullyQualifiedErrorId.Split(',')[0])" }
                "still here: $(@(Get-Command -Module VmiPl).Count)"
                """;
            HostResult result = await HostProcess.RunAsNobodyAsync(folder, script);
            Assert.Contains("AccessDenied PermissionDenied Run as the user that QEMU runs as", result.Output, StringComparison.Ordinal);
            Assert.Contains("list: ", result.Output, StringComparison.Ordinal);
            Assert.Matches("still here: [1-9]", result.Output);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task TalkNonsenseAsync(Socket listener, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using Socket client = await listener.AcceptAsync(stop);
                await client.SendAsync(Encoding.ASCII.GetBytes("220 mail.example.com ESMTP\r\n{\"QMP\": [}\r\n"), stop);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                // The test is over, or this client only looked who listens and has gone.
            }
        }
    }

    /// <summary>The module and the host where any user can read them: the checkout may lie in somebody's home.</summary>
    private static string CopyForEverybody()
    {
        string folder = Directory.CreateTempSubdirectory("vmipl-shared-").FullName;
        Copy(ModuleSession.Folder, Path.Combine(folder, "VmiPl"));
        Copy(HostProcess.Folder, Path.Combine(folder, "Host"));
        const UnixFileMode Everybody = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        foreach (string directory in Directory.GetDirectories(folder, "*", SearchOption.AllDirectories).Append(folder))
            File.SetUnixFileMode(directory, Everybody);
        return folder;
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.GetFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        foreach (string directory in Directory.GetDirectories(from))
            Copy(directory, Path.Combine(to, Path.GetFileName(directory)));
    }
}
