using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>One guest for all tests of a class that leave it as it was.</summary>
public sealed class RunningGuest : IAsyncLifetime
{
    private TestGuest? _guest;

    public TestGuest Guest
    {
        get
        {
            GuestFacts.Need(GuestKernel.Amd64_6_1);
            return _guest!;
        }
    }

    public async ValueTask InitializeAsync()
    {
        if (GuestRequirements.Missing(GuestKernel.Amd64_6_1).Count == 0)
            _guest = await TestGuest.StartAsync(new GuestOptions { Vcpus = 2 });
    }

    public ValueTask DisposeAsync() => _guest?.DisposeAsync() ?? ValueTask.CompletedTask;
}
