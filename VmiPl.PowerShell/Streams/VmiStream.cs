namespace VmiPl.Commands.Streams;

/// <summary>One stream or file of a probe session, as it was at one moment. Plain values, so that it survives remoting. Written is Read + Waiting +
/// Lost.</summary>
/// <param name="Machine">The machine's name.</param>
/// <param name="Session">The probe session's id.</param>
/// <param name="Name">The stream's name without <c>#</c>, or the file's path.</param>
/// <param name="Kind"><c>Stream</c> or <c>File</c>.</param>
/// <param name="Waiting">Records that wait to be received, or to be written to the file.</param>
/// <param name="Written">Records that were made for it.</param>
/// <param name="Read">Records that were received, or written to the file.</param>
/// <param name="Lost">Records that nobody will ever get.</param>
/// <param name="IsCompleted">Whether nothing will come any more and nothing waits.</param>
public sealed record VmiStream(string Machine, int Session, string Name, string Kind, long Waiting, long Written, long Read, long Lost, bool IsCompleted);
