using System.Management.Automation;

namespace VmiPl.Commands.Errors;

/// <summary>How one error code looks to PowerShell: the error id that scripts compare, the category, and what to do about it.</summary>
public sealed record ErrorEntry(string Id, ErrorCategory Category, string RecommendedAction);
