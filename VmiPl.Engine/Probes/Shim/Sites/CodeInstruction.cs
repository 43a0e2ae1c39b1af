using Iced.Intel;

namespace VmiPl.Probes.Shim.Sites;

/// <summary>One instruction of the guest's code. Where <paramref name="IsImmediateMsr"/>, the decoder library does not know it
/// (<see cref="Placement.ImmediateMsr"/>), and <paramref name="Decoded"/> means nothing.</summary>
internal sealed record CodeInstruction(ulong Address, Instruction Decoded, byte[] Bytes, bool IsImmediateMsr)
{
    /// <summary>The address behind it.</summary>
    public ulong End => Address + (ulong)Bytes.Length;

    /// <summary>A landing pad of control-flow enforcement.</summary>
    public bool IsEndbr => !IsImmediateMsr && Decoded.Mnemonic is Mnemonic.Endbr64 or Mnemonic.Endbr32;

    /// <summary>It does nothing at all, of any length.</summary>
    public bool IsNop => !IsImmediateMsr && Decoded.Mnemonic == Mnemonic.Nop;

    /// <summary>It goes on to the one behind it, and nowhere else.</summary>
    public bool GoesOn => IsImmediateMsr || Decoded.FlowControl == FlowControl.Next;

    /// <summary>The kernel may change it at any time: a call of ftrace or a jump label that is off (a nop of five bytes, or of two), a static call or one that is on
    /// (<c>call</c>, <c>jmp</c>), a lock prefix of a kernel that had one CPU (arch/x86/kernel/ftrace.c, jump_label.c, static_call.c,
    /// alternative.c).</summary>
    public bool IsSuspect => (IsNop && Bytes.Length is 2 or 5) || Bytes[0] is 0xe8 or 0xe9 or 0xeb or 0xf0 or 0x3e or 0xcc;

    /// <summary>In words.</summary>
    public string Text => IsImmediateMsr ? "wrmsrns" : Decoded.ToString();
}
