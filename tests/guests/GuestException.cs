namespace VmiPl.TestGuests;

/// <summary>A test guest could not be made, or stopped working; the message says what is needed or what it printed.</summary>
public sealed class GuestException : Exception
{
    public GuestException() { }
    public GuestException(string message) : base(message) { }
    public GuestException(string message, Exception inner) : base(message, inner) { }

    /// <summary>Whether the guest runs and does not answer.</summary>
    public bool IsHang { get; init; }
}
