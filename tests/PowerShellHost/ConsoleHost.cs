using System.Globalization;
using System.Management.Automation.Host;

namespace VmiPl.PowerShellHost;

/// <summary>The host that PowerShell talks to: a plain console.</summary>
public sealed class ConsoleHost : PSHost
{
    private readonly ConsoleUserInterface _ui;

    /// <summary>Makes a host that shows progress by <paramref name="progress"/>, which it does not own.</summary>
    public ConsoleHost(ProgressLines progress) => _ui = new ConsoleUserInterface(progress);

    /// <summary>What a top-level <c>exit</c> gave; null where there was none.</summary>
    public int? ExitCode { get; private set; }

    /// <inheritdoc/>
    public override string Name => "VmiPl console host";

    /// <inheritdoc/>
    public override Version Version { get; } = typeof(PSHost).Assembly.GetName().Version!;

    /// <inheritdoc/>
    public override Guid InstanceId { get; } = Guid.NewGuid();

    /// <inheritdoc/>
    public override CultureInfo CurrentCulture => CultureInfo.CurrentCulture;

    /// <inheritdoc/>
    public override CultureInfo CurrentUICulture => CultureInfo.CurrentUICulture;

    /// <inheritdoc/>
    public override PSHostUserInterface UI => _ui;

    /// <inheritdoc/>
    public override void SetShouldExit(int exitCode) => ExitCode = exitCode;

    /// <inheritdoc/>
    public override void NotifyBeginApplication()
    {
    }

    /// <inheritdoc/>
    public override void NotifyEndApplication()
    {
    }

    /// <summary>There is no prompt to nest.</summary>
    public override void EnterNestedPrompt() => throw new NotSupportedException("This host has no interactive prompt.");

    /// <summary>There is no prompt to leave.</summary>
    public override void ExitNestedPrompt() => throw new NotSupportedException("This host has no interactive prompt.");
}
