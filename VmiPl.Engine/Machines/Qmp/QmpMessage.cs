using System.Text.Json;

namespace VmiPl.Machines.Qmp;

/// <summary>What kind of message QEMU sent.</summary>
public enum QmpMessageKind
{
    /// <summary>The first message of a connection.</summary>
    Greeting,
    /// <summary>A command's result.</summary>
    Return,
    /// <summary>A command failed.</summary>
    Error,
    /// <summary>Something happened in QEMU.</summary>
    Event,
}

/// <summary>One message from QEMU (docs/interop/qmp-spec). <see cref="Body"/> is the greeting's, result's, error's or event's own
/// object; <see cref="Name"/> an event's name or an error's class. Untrusted.</summary>
public sealed record QmpMessage(QmpMessageKind Kind, long? Id, string Name, JsonElement Body);
