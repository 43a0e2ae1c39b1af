namespace VmiPl.TestGuests;

/// <summary>A guest lent by <see cref="GuestPool"/>; disposing it gives the guest back.</summary>
public sealed class GuestLoan : IDisposable
{
    private Action? _giveBack;

    internal GuestLoan(TestGuest guest, Action giveBack)
    {
        Guest = guest;
        _giveBack = giveBack;
    }

    /// <summary>The guest; not to be disposed by the borrower.</summary>
    public TestGuest Guest { get; }

    /// <summary>Gives the guest back; a second time does nothing.</summary>
    public void Dispose() => Interlocked.Exchange(ref _giveBack, null)?.Invoke();
}
