using System.Buffers.Binary;
using VmiPl.Compilation.Bytecode;

namespace VmiPl.Probes.Interpreter;

/// <summary>The helpers as a program calls them: arguments are checked here, and what remains is asked of the host.</summary>
internal readonly struct HelperCalls(ProgramMemory memory, ulong registers, int schemaCount)
{
    private const ulong Failed = ulong.MaxValue;

    /// <summary>Bytes that a string is read by: a read never crosses a multiple of it, so that an unreadable page costs nothing
    /// that stands before it.</summary>
    private const int StringStep = 256;

    /// <summary>Runs a helper with its arguments in r1 to r5; its result goes to r0, and r1 to r5 become 0. <c>Finished</c> where
    /// the program goes on; then, and only then, registers are changed. <paramref name="left"/> is what is left of the budget behind
    /// the call itself.</summary>
    public ProgramEnd Call(Helper helper, IProgramHost host, Span<ulong> r, ref int left)
    {
        ulong result = 0;
        Span<byte> buffer;
        ProgramEnd end;
        switch (helper)
        {
            case Helper.ReadRegister:
                if (r[1] > 63 || ((registers >> (int)r[1]) & 1) == 0)
                    return ProgramEnd.HelperFault;
                result = host.ReadRegister((int)r[1]);
                break;
            case Helper.ReadVirtual:
                if ((end = Take(r[1], r[2], ref left, out buffer)) != ProgramEnd.Finished)
                    return end;
                result = Count(host.ReadVirtual(r[3], r[4], buffer), buffer.Length);
                break;
            case Helper.ReadPhysical:
                if ((end = Take(r[1], r[2], ref left, out buffer)) != ProgramEnd.Finished)
                    return end;
                result = Count(host.ReadPhysical(r[3], buffer), buffer.Length);
                break;
            case Helper.WriteVirtual:
                if ((end = Take(r[1], r[2], ref left, out buffer)) != ProgramEnd.Finished)
                    return end;
                result = Count(host.WriteVirtual(r[3], r[4], buffer), buffer.Length);
                break;
            case Helper.Translate:
                result = host.Translate(r[1], r[2]);
                break;
            case Helper.ReadString:
                if ((end = Take(r[1], r[2], ref left, out buffer)) != ProgramEnd.Finished)
                    return end;
                result = ReadString(host, r[3], r[4], buffer);
                break;
            case Helper.Emit:
                if (r[1] >= (ulong)schemaCount)
                    return ProgramEnd.HelperFault;
                if ((end = Take(r[2], r[3], ref left, out buffer)) != ProgramEnd.Finished)
                    return end;
                host.Emit((int)r[1], buffer);
                break;
            case Helper.Pause:
                host.Pause();
                break;
            case Helper.SelectBody:
                if (r[1] > int.MaxValue || r[2] > int.MaxValue)
                    return ProgramEnd.HelperFault;
                host.SelectBody((int)r[1], (int)r[2]);
                break;
            case Helper.ReadExitField:
                if (!memory.TryGet(r[2], sizeof(ulong), out buffer))
                    return ProgramEnd.MemoryFault;
                if (r[1] <= int.MaxValue && host.TryReadExitField((int)r[1], out ulong value))
                    BinaryPrimitives.WriteUInt64LittleEndian(buffer, value);
                else
                    result = Failed;
                break;
            case Helper.CurrentVcpu:
                result = (ulong)host.Vcpu;
                break;
            default:
                return ProgramEnd.HelperFault;
        }
        r[0] = result;
        r.Slice(1, 5).Clear();
        return ProgramEnd.Finished;
    }

    /// <summary>A buffer that the host is given, and what its bytes take of the budget: all that is left, where it is not enough.</summary>
    private ProgramEnd Take(ulong address, ulong size, scoped ref int left, out Span<byte> buffer)
    {
        if (!memory.TryGet(address, size, out buffer))
            return ProgramEnd.MemoryFault;
        int taken = buffer.Length / ProbeProgram.BytesPerInstruction;
        bool isEnough = taken <= left;
        left -= Math.Min(taken, left);
        return isEnough ? ProgramEnd.Finished : ProgramEnd.BudgetSpent;
    }

    /// <summary>A host's count, held to what it can be.</summary>
    private static ulong Count(int done, int size) => (ulong)Math.Clamp(done, 0, size);

    private static ulong ReadString(IProgramHost host, ulong address, ulong root, Span<byte> buffer)
    {
        int length = 0;
        while (length < buffer.Length)
        {
            int step = Math.Min(buffer.Length - length, StringStep - (int)(address % StringStep));
            Span<byte> part = buffer.Slice(length, step);
            int read = Math.Clamp(host.ReadVirtual(address, root, part), 0, step);
            int nul = part[..read].IndexOf((byte)0);
            if (nul >= 0)
            {
                length += nul;
                buffer[length..].Clear();
                return (ulong)length;
            }
            length += read;
            address += (ulong)read;
            // A string does not go on from the top of the address space to its bottom.
            if (read < step || address == 0)
                break;
        }
        buffer[length..].Clear();
        return ~(ulong)length;
    }
}
