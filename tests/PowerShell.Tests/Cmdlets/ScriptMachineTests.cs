using System.Management.Automation;
using VmiPl.Tests.Module;
using VmiPl.Tests.Repository;

namespace VmiPl.Tests.Cmdlets;

/// <summary><c>Test-VmiScript</c> for a real guest.</summary>
public sealed class ScriptMachineTests(GuestFixture fixture) : GuestTests(fixture)
{
    // The guest of these tests is a 64-bit one.
    public static TheoryData<string> Examples => [.. ScriptTests.Examples.Select(row => row.Data).Where(name => !name.Contains("-32.", StringComparison.Ordinal))];

    [Theory, MemberData(nameof(Examples))]
    public void The_examples_compile(string name)
    {
        PSObject report = Assert.Single(Get($"Test-VmiScript '{Path.Combine(RepositoryFolder.Root, "Examples", name)}' -Machine $name"));
        Assert.True((bool)report.Properties["IsValid"].Value);
        Assert.False((bool)report.Properties["IsEstimate"].Value);
        Assert.Empty((IEnumerable<string>)report.Properties["LeftOpen"].Value);
    }

    [Fact]
    public void Sites_are_where_the_guest_has_the_symbols()
    {
        string expected = One<string>("'breakpoint at do_exit (0x{0:x})' -f (Get-VmiSymbol $name do_exit).Address");
        Assert.Equal(expected, One<string>("('ExecuteAt(do_exit){ Pause }' | Test-VmiScript -Machine $name).EventProbes[0].Site"));
        Assert.Contains("openat", One<string>("('Syscall(openat){ Pause }' | Test-VmiScript -Machine $name).EventProbes[0].Site"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_the_guest_lacks_is_an_error_at_its_place()
    {
        ModuleResult result = Session.Run("\"OnResume{`n  ReadMemory(no_such_symbol_here, 8)`n}\" | Test-VmiScript -Machine $name");
        ErrorRecord error = Assert.Single(result.Errors);
        Assert.StartsWith("VMI3010,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.StartsWith("script:2:14: error VMI3010", error.ToString(), StringComparison.Ordinal);
        PSObject report = Assert.Single(result.Output);
        Assert.False((bool)report.Properties["IsValid"].Value);
        Assert.Equal(Guest.Name, report.Properties["Machine"].Value);
    }

    [Fact]
    public void A_program_is_shown_as_it_would_run()
    {
        string shown = Session.Show("'ends: ExecuteAt(do_exit){ ReadRegister(CR3, #t) }' | Test-VmiScript -Machine $name -ShowProgram");
        Assert.DoesNotContain("estimate", shown, StringComparison.Ordinal);
        Assert.Contains("; probe 0 ExecuteAt(do_exit), body 0", shown, StringComparison.Ordinal);
        Assert.Contains(": exit", shown, StringComparison.Ordinal);
    }
}
