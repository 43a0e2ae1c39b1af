using System.Management.Automation;

namespace VmiPl.Commands.Loading;

/// <summary>What PowerShell calls when the module is imported and removed. Import does nothing but say where the module's
/// assemblies lie, so nothing in it can fail; removal stops the session's probes and closes what it had opened.</summary>
public sealed class ModuleEntry : IModuleAssemblyInitializer, IModuleAssemblyCleanup
{
    /// <summary>Called before PowerShell looks at any cmdlet of the module.</summary>
    public void OnImport() => DependencyContext.Register();

    /// <summary>Called when the module leaves a session; stops that session's probes and closes its machines.</summary>
    public void OnRemove(PSModuleInfo psModuleInfo) => Machines.SessionMachines.CloseCurrent();
}
