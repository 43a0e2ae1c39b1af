using System.Globalization;
using System.Management.Automation;
using VmiPl.Errors;

namespace VmiPl.Commands.Probes;

/// <summary>From what <c>-Probe</c> names to the probes of a session.</summary>
internal static class ProbeChoice
{
    /// <summary>The ids of the probes that are named by id, label or pattern of labels; case does not matter. Throws <c>ProbeNotFound</c> for a
    /// name without wildcards that means none.</summary>
    public static IReadOnlySet<int> Of(VmiProbe session, IEnumerable<string> names)
    {
        VmiProbeStatus[] probes = session.Probes;
        HashSet<int> chosen = [];
        foreach (string name in names)
        {
            WildcardPattern pattern = WildcardPattern.Get(name, WildcardOptions.IgnoreCase);
            VmiProbeStatus[] found = [.. probes.Where(probe => probe.Id.ToString(CultureInfo.InvariantCulture) == name || (probe.Label is { } label && pattern.IsMatch(label)))];
            if (found.Length == 0 && !WildcardPattern.ContainsWildcardCharacters(name))
                throw new VmiException(VmiErrorCode.ProbeNotFound, $"Session {session.Id} ({session.Name} on '{session.Machine}') has no probe '{name}'.", name);
            chosen.UnionWith(found.Select(probe => probe.Id));
        }
        return chosen;
    }
}
