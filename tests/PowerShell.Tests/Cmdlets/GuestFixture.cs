using VmiPl.TestGuests;

namespace VmiPl.Tests.Cmdlets;

/// <summary>One guest for all tests of cmdlets; skips them, with the reason, where none can be made.</summary>
public sealed class GuestFixture : IAsyncLifetime
{
    private TestGuest? _guest;

    /// <summary>The guest.</summary>
    public TestGuest Guest
    {
        get
        {
            if (_guest is null)
                Assert.Skip($"A test guest needs {string.Join(", ", GuestRequirements.Missing())}.");
            return _guest;
        }
    }

    // A name of its own kind: patterns in the tests shall not meet guests of tests that run at the same time.
    public async ValueTask InitializeAsync()
    {
        if (GuestRequirements.Missing().Count == 0)
            _guest = await TestGuest.StartAsync(new GuestOptions { Name = $"vmipl-cmdlets-{Environment.ProcessId}", Vcpus = 2, MemoryMiB = 256 });
    }

    public ValueTask DisposeAsync() => _guest?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>Tests that share the guest run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class GuestCollection : ICollectionFixture<GuestFixture>
{
    public const string Name = "Guest";
}
