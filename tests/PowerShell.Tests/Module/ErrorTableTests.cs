using System.Management.Automation;

namespace VmiPl.Tests.Module;

/// <summary>Holds the error table complete: each code of the Engine has an id, a category and something to do.</summary>
public sealed class ErrorTableTests : IDisposable
{
    private readonly ModuleSession _session = new();

    public void Dispose() => _session.Dispose();

    [Fact]
    public void Every_code_has_an_entry_of_its_own()
    {
        // Through PowerShell, as the module's assemblies are not the test's.
        var rows = _session.Get(
            """
            [System.Enum]::GetValues([VmiPl.Commands.Errors.ErrorTable].GetMethod('For').GetParameters()[0].ParameterType) | ForEach-Object {
                $entry = [VmiPl.Commands.Errors.ErrorTable]::For($_)
                [pscustomobject]@{ Code = "$_"; Id = $entry.Id; Category = $entry.Category; Action = $entry.RecommendedAction }
            }
            """);

        Assert.True(rows.Count >= 20);
        Assert.All(rows, row =>
        {
            Assert.Equal((string)row.Properties["Code"].Value, (string)row.Properties["Id"].Value);
            Assert.NotEqual(ErrorCategory.NotSpecified, (ErrorCategory)row.Properties["Category"].Value);
            string action = (string)row.Properties["Action"].Value;
            Assert.True(action.Length > 20 && action.EndsWith('.'), action);
        });
        Assert.Equal(rows.Count, rows.Select(row => row.Properties["Action"].Value).Distinct().Count());
    }
}
