using System.Runtime.Loader;
using VmiPl.Tests.Host;

namespace VmiPl.Tests.Module;

/// <summary>Holds that the module comes, goes and comes again, and brings its assemblies in a context of its own.</summary>
public sealed class ImportTests
{
    [Fact]
    public async Task A_fresh_process_imports_the_module_without_a_word()
    {
        HostResult result = await HostProcess.RunAsync("-Command", $"Import-Module '{ModuleSession.Manifest}'; (Get-Command -Module VmiPl -CommandType Cmdlet).Count");

        Assert.Equal("", result.Errors);
        Assert.Equal("23\n", result.Output);
    }

    [Fact]
    public void The_engine_comes_from_Dependencies_into_a_context_of_its_own()
    {
        using ModuleSession session = new();
        session.Run("Get-VmiProcessList no-such-machine");

        var engine = Assert.Single(AppDomain.CurrentDomain.GetAssemblies(), assembly => assembly.GetName().Name == "VmiPl.Engine");
        Assert.Equal(Path.Combine(ModuleSession.Folder, "Dependencies", "VmiPl.Engine.dll"), engine.Location);
        AssemblyLoadContext context = AssemblyLoadContext.GetLoadContext(engine)!;
        Assert.NotSame(AssemblyLoadContext.Default, context);
        Assert.Equal("VmiPl", context.Name);
    }

    [Fact]
    public void The_module_can_be_removed_and_imported_again()
    {
        using ModuleSession session = new();
        session.Get("Remove-Module VmiPl");
        Assert.Empty(session.Get("Get-Module VmiPl"));

        session.Get($"Import-Module '{ModuleSession.Manifest}'");

        Assert.Equal("MachineNotFound", session.Run("Get-VmiRegister no-such-machine").Errors[0].FullyQualifiedErrorId.Split(',')[0]);
    }

    [Fact]
    public void Two_sessions_in_one_process_don_t_disturb_each_other()
    {
        using ModuleSession first = new();
        using (ModuleSession second = new())
            second.Get("Remove-Module VmiPl");

        Assert.Equal("MachineNotFound", first.Run("Get-VmiRegister no-such-machine").Errors[0].FullyQualifiedErrorId.Split(',')[0]);
    }

    [Fact]
    public void Import_warns_of_nothing()
    {
        using ModuleSession session = new(import: false);

        ModuleResult result = session.Run($"Import-Module '{ModuleSession.Manifest}'");

        Assert.Empty(result.Errors);
        Assert.Empty(result.Warnings);
    }
}
