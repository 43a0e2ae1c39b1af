namespace VmiPl.Errors;

/// <summary>The one exception that the Engine throws on purpose: a code to act on, a message in the user's terms and the
/// thing it is about (a name, a path, an address as text), where there is one.</summary>
public sealed class VmiException : Exception
{
    /// <summary>Makes an exception of the given code. <paramref name="target"/> is what it is about, for error records.</summary>
    public VmiException(VmiErrorCode code, string message, string? target = null, Exception? inner = null)
        : base(message, inner)
    {
        Code = code;
        Target = target;
    }

    /// <summary>What went wrong.</summary>
    public VmiErrorCode Code { get; }

    /// <summary>What it is about, or null.</summary>
    public string? Target { get; }
}
