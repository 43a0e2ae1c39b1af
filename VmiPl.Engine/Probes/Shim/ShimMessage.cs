using System.Runtime.InteropServices;
using VmiPl.Errors;
using VmiPl.Probes.Shim.Abi;

namespace VmiPl.Probes.Shim;

/// <summary>An answer or a notice of the shim: its head, and what came with it.</summary>
internal readonly record struct ShimMessage(AbiMessage Head, byte[] Payload)
{
    /// <summary>Whether it came unasked.</summary>
    public bool IsNotice => Head.Sequence == 0;

    /// <summary>The payload as a structure. Throws <c>ShimLost</c> where it is too short for that.</summary>
    public T As<T>() where T : unmanaged => MemoryMarshal.TryRead(Payload, out T value) ? value : throw ShimProtocol.Broken($"a message of type {Head.Type} is too short");
}
