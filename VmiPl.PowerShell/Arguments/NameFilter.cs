using System.Management.Automation;

namespace VmiPl.Commands.Arguments;

/// <summary>A list of names and patterns, and which of the plain names matched nothing. No names match everything.</summary>
internal sealed class NameFilter
{
    private readonly List<(string Text, WildcardPattern Pattern, bool IsPlain)> _names = [];
    private readonly HashSet<string> _unmatched = [];

    public NameFilter(IEnumerable<string>? names, StringComparison comparison)
    {
        WildcardOptions options = comparison == StringComparison.OrdinalIgnoreCase ? WildcardOptions.IgnoreCase : WildcardOptions.None;
        foreach (string name in names ?? [])
        {
            bool plain = !WildcardPattern.ContainsWildcardCharacters(name);
            _names.Add((name, WildcardPattern.Get(name, options), plain));
            if (plain)
                _unmatched.Add(name);
        }
    }

    /// <summary>The plain names that nothing matched so far.</summary>
    public IReadOnlyCollection<string> Unmatched => _unmatched;

    /// <summary>Whether a name passes.</summary>
    public bool Matches(string name)
    {
        bool passes = _names.Count == 0;
        foreach ((string text, WildcardPattern pattern, bool isPlain) in _names)
        {
            if (!pattern.IsMatch(name))
                continue;
            passes = true;
            if (isPlain && _unmatched.Count > 0)
                _unmatched.Remove(text);
        }
        return passes;
    }
}
