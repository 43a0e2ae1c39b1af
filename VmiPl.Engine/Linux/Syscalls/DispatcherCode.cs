using System.Buffers.Binary;

namespace VmiPl.Linux.Syscalls;

/// <summary>Follows the code of a system call dispatcher for one number: <c>switch (nr)</c> as compilers write it where jump tables are
/// forbidden, a tree of compares whose leaves jump to the handlers or call them (arch/x86/entry/syscall_64.c). Anything else ends the
/// way: the guest's code is data here, and nothing of it is run.</summary>
internal sealed class DispatcherCode(ReadOnlyMemory<byte> code, ulong start, bool is64Bit, Func<ulong, bool> isHandler)
{
    // A balanced tree over 500 numbers is 10 compares deep; a chain of compares would be 500.
    private const int MaxSteps = 4096;

    /// <summary>The handler that a number leads to; false where the way is not of the expected form.</summary>
    public bool TryFollow(uint number, out ulong handler)
    {
        int at = 0, register = -1;
        uint right = 0;
        handler = 0;
        for (int step = 0; step < MaxSteps; step++)
        {
            ReadOnlySpan<byte> rest = SkipPrefixes(code.Span[Math.Min(at, code.Length)..], out int prefixes);
            if (rest.Length < 8)
                return false;
            at += prefixes;
            int next;
            switch (rest[0])
            {
                case 0x0F when rest[1] is >= 0x80 and <= 0x8F:
                    if (register < 0 || !TryCondition(rest[1], number, right, out bool isTaken))
                        return false;
                    at += 6 + (isTaken ? BinaryPrimitives.ReadInt32LittleEndian(rest[2..]) : 0);
                    break;
                case >= 0x70 and <= 0x7F:
                    if (register < 0 || !TryCondition(rest[0], number, right, out isTaken))
                        return false;
                    at += 2 + (isTaken ? (sbyte)rest[1] : 0);
                    break;
                case 0xEB:
                    at += 2 + (sbyte)rest[1];
                    break;
                case 0xE8 or 0xE9:
                    int distance = 5 + BinaryPrimitives.ReadInt32LittleEndian(rest[1..]);
                    handler = start + (ulong)(long)(at + distance);
                    if (!is64Bit)
                        handler &= uint.MaxValue;
                    if (isHandler(handler))
                        return true;
                    // The call in front of all compares is the function tracer's.
                    if (rest[0] == 0xE8 && register >= 0)
                        return false;
                    at += rest[0] == 0xE8 ? 5 : distance;
                    break;
                default:
                    if (TryCompare(rest, out int compared, out uint value, out int length))
                    {
                        // All compares are of the number; one of another register is something that is not understood here.
                        if (register >= 0 && compared != register)
                            return false;
                        (register, right) = (compared, value);
                        at += length;
                    }
                    else if ((next = LengthWithoutEffect(rest)) > 0)
                    {
                        at += next;
                    }
                    else
                    {
                        return false;
                    }
                    break;
            }
            if (at < 0)
                return false;
        }
        return false;
    }

    private ReadOnlySpan<byte> SkipPrefixes(ReadOnlySpan<byte> bytes, out int count)
    {
        // Segment and operand size prefixes stand in front of padding, REX where a frame is set up or the number lies in r8 to r15.
        for (count = 0; count < 4 && count < bytes.Length; count++)
        {
            if (bytes[count] is not (0x66 or 0x2E or 0x3E or 0xF3) && !(is64Bit && bytes[count] is >= 0x40 and <= 0x4F))
                break;
        }
        return bytes[count..];
    }

    /// <summary><c>cmp r32, imm</c> or <c>test r32, r32</c>, which compares with 0 as far as is asked here.</summary>
    private static bool TryCompare(ReadOnlySpan<byte> bytes, out int register, out uint value, out int length)
    {
        register = bytes[1] & 7;
        value = 0;
        length = 2;
        switch (bytes[0])
        {
            case 0x81 when bytes[1] >= 0xF8:
                value = BinaryPrimitives.ReadUInt32LittleEndian(bytes[2..]);
                length = 6;
                return true;
            case 0x83 when bytes[1] >= 0xF8:
                value = (uint)(sbyte)bytes[2];
                length = 3;
                return true;
            case 0x3D:
                register = 0;
                value = BinaryPrimitives.ReadUInt32LittleEndian(bytes[1..]);
                length = 5;
                return true;
            case 0x85:
                return bytes[1] >= 0xC0 && ((bytes[1] >> 3) & 7) == register;
            default:
                return false;
        }
    }

    /// <summary>Bytes of an instruction that changes neither the number nor the way: padding, a frame's set-up; 0 for all others.</summary>
    private static int LengthWithoutEffect(ReadOnlySpan<byte> bytes) => bytes[0] switch
    {
        0x90 or (>= 0x50 and <= 0x5F) => 1,
        0x89 or 0x8B when bytes[1] >= 0xC0 => 2,
        0x0F when bytes[1] == 0x1E && bytes[2] is 0xFA or 0xFB => 3,   // endbr64, endbr32 (their F3 counts as a prefix)
        0x0F when bytes[1] == 0x1F => 2 + OperandLength(bytes[2..]),
        0x8D when bytes[1] is 0x36 or 0x76 or 0xB6 or 0x74 or 0xB4 or 0x7F or 0xBF or 0x3F or 0x7C or 0xBC => 1 + OperandLength(bytes[1..]),
        _ => 0,
    };

    /// <summary>Bytes of a ModRM operand (Intel SDM volume 2, tables 2-2 and 2-3).</summary>
    private static int OperandLength(ReadOnlySpan<byte> bytes)
    {
        int mode = bytes[0] >> 6, memory = bytes[0] & 7;
        int length = mode == 3 || memory != 4 ? 1 : 2;
        return mode switch
        {
            1 => length + 1,
            2 => length + 4,
            0 when memory == 5 || (memory == 4 && (bytes[1] & 7) == 5) => length + 4,
            _ => length,
        };
    }

    /// <summary>Whether a conditional jump is taken after a compare (Intel SDM volume 1, appendix B); false for a condition that compares
    /// of numbers do not use.</summary>
    private static bool TryCondition(byte opcode, uint left, uint right, out bool isTaken)
    {
        bool? taken = (opcode & 15) switch
        {
            0x2 => left < right,
            0x3 => left >= right,
            0x4 => left == right,
            0x5 => left != right,
            0x6 => left <= right,
            0x7 => left > right,
            0x8 => (int)(left - right) < 0,
            0x9 => (int)(left - right) >= 0,
            0xC => (int)left < (int)right,
            0xD => (int)left >= (int)right,
            0xE => (int)left <= (int)right,
            0xF => (int)left > (int)right,
            _ => null,
        };
        isTaken = taken == true;
        return taken is not null;
    }
}
