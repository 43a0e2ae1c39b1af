namespace VmiPl.Tests.Cases;

/// <summary>One section of a case: <c>-- kind argument</c> and the lines below it, without comments and empty lines.</summary>
public sealed record CaseSection(string Kind, string Argument, IReadOnlyList<string> Lines);
