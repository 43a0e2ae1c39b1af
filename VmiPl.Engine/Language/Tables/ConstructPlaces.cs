namespace VmiPl.Language.Tables;

/// <summary>Where a construct may stand.</summary>
[Flags]
public enum ConstructPlaces
{
    /// <summary>Nowhere.</summary>
    None = 0,
    /// <summary>At the top level of a script.</summary>
    TopLevel = 1,
    /// <summary>In the body of an event probe, a filter or a Reconfigure.</summary>
    Body = 2,
}
