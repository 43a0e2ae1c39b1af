namespace VmiPl.Streams;

/// <summary>The machine was paused by a script.</summary>
public sealed record PauseRecord : VmiRecord;
