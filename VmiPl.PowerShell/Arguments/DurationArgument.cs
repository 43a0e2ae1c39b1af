using System.Globalization;

namespace VmiPl.Commands.Arguments;

/// <summary>What a parameter for a length of time takes: a <see cref="TimeSpan"/>, a number of seconds, or either as text. A type of its own,
/// because PowerShell makes ticks of a number for a <see cref="TimeSpan"/>.</summary>
public sealed class DurationArgument
{
    /// <summary>A length of time, not negative.</summary>
    public DurationArgument(TimeSpan duration) =>
        Duration = duration >= TimeSpan.Zero ? duration : throw new ArgumentOutOfRangeException(nameof(duration), duration, "A length of time is not negative.");

    /// <summary>Seconds.</summary>
    public DurationArgument(double seconds)
        : this(TimeSpan.FromSeconds(seconds))
    {
    }

    /// <summary>Seconds.</summary>
    public DurationArgument(int seconds)
        : this(TimeSpan.FromSeconds(seconds))
    {
    }

    /// <summary>Seconds in digits, or <c>hh:mm:ss</c>.</summary>
    public DurationArgument(string text)
        : this(double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds)
            ? TimeSpan.FromSeconds(seconds)
            : TimeSpan.Parse(text, CultureInfo.InvariantCulture))
    {
    }

    /// <summary>The length of time.</summary>
    public TimeSpan Duration { get; }

    /// <summary>As <c>hh:mm:ss</c>.</summary>
    public override string ToString() => Duration.ToString();
}
