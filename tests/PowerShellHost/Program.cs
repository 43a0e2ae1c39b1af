namespace VmiPl.PowerShellHost;

/// <summary>Runs a PowerShell script or command where no <c>pwsh</c> is installed. Only PowerShell's Core cmdlets are there:
/// its Utility and Management modules come with <c>pwsh</c> alone. Other modules load as they do in <c>pwsh</c>.</summary>
public static class Program
{
    /// <summary>Exit code: the script's own (<c>exit N</c>), 1 after a terminating error, 64 for a wrong command line,
    /// 128 + signal after Ctrl-C or SIGTERM.</summary>
    public static int Main(string[] args)
    {
        HostArguments? arguments = HostArguments.Parse(args);
        if (arguments is null)
        {
            Console.Error.WriteLine(HostArguments.Usage);
            return 64;
        }
        return new ScriptRunner(arguments).Run();
    }
}
