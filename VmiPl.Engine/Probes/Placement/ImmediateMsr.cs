using System.Buffers.Binary;
using VmiPl.Language.Model;

namespace VmiPl.Probes.Placement;

/// <summary><c>rdmsr</c> and <c>wrmsrns</c> with the register's number in the instruction (Intel SDM volume 2: VEX.128.F2/F3.MAP7.W0 F6 /0 id,
/// 64-bit mode only), which the decoder library does not know.</summary>
internal readonly record struct ImmediateMsr(bool IsWrite, GuestRegister Register, uint Msr)
{
    /// <summary>Bytes of one.</summary>
    public const int Length = 9;

    private static readonly GuestRegister[] ByNumber =
    [
        GuestRegister.Rax, GuestRegister.Rcx, GuestRegister.Rdx, GuestRegister.Rbx, GuestRegister.Rsp, GuestRegister.Rbp, GuestRegister.Rsi, GuestRegister.Rdi,
        GuestRegister.R8, GuestRegister.R9, GuestRegister.R10, GuestRegister.R11, GuestRegister.R12, GuestRegister.R13, GuestRegister.R14, GuestRegister.R15,
    ];

    /// <summary>Whether one begins here.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> code, out ImmediateMsr decoded)
    {
        decoded = default;
        // C4, ~R ~X ~B and map 7, W = 0 vvvv = 1111 L = 0 and the prefix, the opcode, two registers as operands.
        if (code.Length < Length || code[0] != 0xC4 || (code[1] & 0x1F) != 7 || code[2] is not (0x7A or 0x7B) || code[3] != 0xF6 || (code[4] & 0xF8) != 0xC0)
            return false;
        int register = (code[4] & 7) | ((code[1] & 0x20) == 0 ? 8 : 0);
        decoded = new ImmediateMsr(code[2] == 0x7A, ByNumber[register], BinaryPrimitives.ReadUInt32LittleEndian(code[5..]));
        return true;
    }
}
