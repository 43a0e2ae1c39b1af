namespace VmiPl.Probes.Placement;

/// <summary>Tells where in a run of code a privileged write might be, so that only functions worth it are decoded: bytes that look like one
/// may as well be the middle of another instruction, but an instruction without them is none.</summary>
internal static class PrivilegedPatterns
{
    /// <summary>Positions of opcode bytes, ascending within each of the two encodings that there are, legacy and VEX.</summary>
    public static List<int> Find(ReadOnlySpan<byte> code, PrivilegedWrite kinds)
    {
        var found = new List<int>();
        bool msr = (kinds & PrivilegedWrite.Msr) != 0;
        for (int at = 0; (at = Next(code, at, 0x0F)) >= 0 && at < code.Length - 1; at++)
        {
            byte opcode = code[at + 1], operand = at + 2 < code.Length ? code[at + 2] : (byte)0;
            bool wanted = opcode switch
            {
                0x22 => (kinds & ControlRegister((operand >> 3) & 7)) != 0,
                0x30 => msr,
                0x06 => (kinds & PrivilegedWrite.Cr0) != 0,
                0x01 => IsGroup7(operand, kinds),
                _ => false,
            };
            if (wanted)
                found.Add(at);
        }
        if (!msr)
            return found;
        for (int at = 0; (at = Next(code, at, 0xC4)) >= 0; at++)
        {
            if (ImmediateMsr.TryDecode(code[at..], out ImmediateMsr decoded) && decoded.IsWrite)
                found.Add(at);
        }
        return found;
    }

    // REX.R makes CR8 of 0; whether it is there is for the decoder to say.
    private static PrivilegedWrite ControlRegister(int number) => number switch
    {
        0 => PrivilegedWrite.Cr0 | PrivilegedWrite.Cr8,
        3 => PrivilegedWrite.Cr3,
        4 => PrivilegedWrite.Cr4,
        _ => PrivilegedWrite.None,
    };

    private static bool IsGroup7(byte operand, PrivilegedWrite kinds) => ((operand >> 3) & 7) switch
    {
        2 => operand < 0xC0 && (kinds & PrivilegedWrite.Gdtr) != 0,
        3 => operand < 0xC0 && (kinds & PrivilegedWrite.Idtr) != 0,
        6 => (kinds & PrivilegedWrite.Cr0) != 0,
        0 => operand == 0xC6 && (kinds & PrivilegedWrite.Msr) != 0,
        _ => false,
    };

    private static int Next(ReadOnlySpan<byte> code, int from, byte value)
    {
        int next = from < code.Length ? code[from..].IndexOf(value) : -1;
        return next < 0 ? -1 : from + next;
    }
}
