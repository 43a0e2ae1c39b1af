using System.Management.Automation;
using VmiPl.TestGuests;
using VmiPl.Tests.Module;

namespace VmiPl.Tests.Cmdlets;

/// <summary>Base of tests over the shared guest: a session with <c>$name</c> set to the guest's name.</summary>
[Collection(GuestCollection.Name)]
public abstract class GuestTests : IDisposable
{
    private readonly ModuleSession _session = new();

    protected GuestTests(GuestFixture fixture)
    {
        ArgumentNullException.ThrowIfNull(fixture);
        Guest = fixture.Guest;
        Folder = Directory.CreateTempSubdirectory("vmipl-").FullName;
        _session.Get($"$name = '{Guest.Name}'; $null = $ExecutionContext.SessionState.Path.SetLocation('{Folder}')");
    }

    protected TestGuest Guest { get; }

    /// <summary>An empty folder; the session's location.</summary>
    protected string Folder { get; }

    private protected ModuleSession Session => _session;

    public void Dispose()
    {
        _session.Dispose();
        Directory.Delete(Folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    private protected IReadOnlyList<PSObject> Get(string script) => _session.Get(script);

    private protected T One<T>(string script) => (T)LanguagePrimitives.ConvertTo(Assert.Single(Get(script)), typeof(T), null);

    /// <summary>The id of the process <c>marker</c>, whose marked page the guest was made to bring into memory.</summary>
    private protected async Task<int> MarkerAsync()
    {
        int id = One<int>("(Get-VmiProcess $name marker).ProcessId");
        await Guest.CommandAsync($"peek {id} {TestGuest.MarkerAddress} 4", TestContext.Current.CancellationToken);
        return id;
    }

    /// <summary>The one error of a script: its id without the cmdlet, after checking that it says what to do.</summary>
    private protected ErrorRecord Fails(string script, string id, ErrorCategory category)
    {
        ErrorRecord error = Assert.Single(_session.Run(script).Errors);
        Assert.Equal(id, error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.Equal(category, error.CategoryInfo.Category);
        Assert.NotEmpty(error.ErrorDetails.RecommendedAction);
        Assert.DoesNotContain("   at ", error.ToString(), StringComparison.Ordinal);
        return error;
    }
}
