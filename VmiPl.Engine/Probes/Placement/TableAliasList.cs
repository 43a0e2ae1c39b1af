using System.Collections.Immutable;

namespace VmiPl.Probes.Placement;

/// <summary>All addresses of a table, ascending by offset and address; <see cref="Problem"/> says what is missing, null: nothing.</summary>
public sealed record TableAliasList(ImmutableArray<TableAlias> Aliases, string? Problem);
