using Iced.Intel;
using VmiPl.Language.Model;

namespace VmiPl.Probes.Placement;

/// <summary>Decodes functions of one run of code from their starts on, and picks the privileged writes.</summary>
internal sealed class PrivilegedDecoder(TextPiece text, FunctionStarts functions, string? module, bool is64Bit, PrivilegedWrite kinds)
{
    /// <summary>Decodes the function with that index; returns the address behind the last instruction that is one for certain. An instruction
    /// that would reach into the next function is none: one of the two is mistaken for code.</summary>
    public ulong Decode(int function, List<InstructionPlace> places)
    {
        ulong start = functions[function];
        ulong end = function + 1 < functions.Count ? Math.Min(functions[function + 1], text.End) : text.End;
        var reader = new ByteArrayCodeReader(text.Bytes, (int)(start - text.Start), (int)(end - start));
        var decoder = Decoder.Create(is64Bit ? 64 : 32, reader);
        decoder.IP = start;
        ulong at = start;
        while (at < end)
        {
            decoder.Decode(out Instruction instruction);
            if (instruction.IsInvalid)
            {
                if (!is64Bit || !ImmediateMsr.TryDecode(text.Bytes.AsSpan((int)(at - text.Start), (int)(end - at)), out ImmediateMsr decoded))
                    break;
                if (decoded.IsWrite && (kinds & PrivilegedWrite.Msr) != 0)
                    places.Add(Place(at) with { Register = decoded.Register, ImmediateMsr = decoded.Msr });
                at += ImmediateMsr.Length;
                reader.Position = (int)(at - start);
                decoder.IP = at;
                continue;
            }
            if (Describe(instruction, at) is { } place && (place.Kind & kinds) != 0)
                places.Add(place);
            at += (ulong)instruction.Length;
        }
        return at;

        InstructionPlace Place(ulong address) => new()
        {
            Address = address, Length = ImmediateMsr.Length, Kind = PrivilegedWrite.Msr, Source = ValueSource.Register, Bits = 64,
            Module = module, Name = functions.NameOf(function, address),
        };

        InstructionPlace? Describe(in Instruction instruction, ulong address)
        {
            PrivilegedWrite kind = KindOf(instruction);
            return kind == PrivilegedWrite.None ? null : Place(address) with
            {
                Length = instruction.Length, Kind = kind, Source = SourceOf(instruction), Register = RegisterOf(instruction), 
                // A model specific register has 64 bits in every mode.
                Bits = is64Bit || kind == PrivilegedWrite.Msr ? 64 : 32,
            };
        }
    }

    private static PrivilegedWrite KindOf(in Instruction instruction) => instruction.Mnemonic switch
    {
        Mnemonic.Mov => instruction.Op0Register switch
        {
            Register.CR0 => PrivilegedWrite.Cr0,
            Register.CR3 => PrivilegedWrite.Cr3,
            Register.CR4 => PrivilegedWrite.Cr4,
            Register.CR8 => PrivilegedWrite.Cr8,
            _ => PrivilegedWrite.None,
        },
        Mnemonic.Lmsw or Mnemonic.Clts => PrivilegedWrite.Cr0,
        Mnemonic.Wrmsr or Mnemonic.Wrmsrns or Mnemonic.Wrmsrlist => PrivilegedWrite.Msr,
        Mnemonic.Lidt => PrivilegedWrite.Idtr,
        Mnemonic.Lgdt => PrivilegedWrite.Gdtr,
        _ => PrivilegedWrite.None,
    };

    private static ValueSource SourceOf(in Instruction instruction) => instruction.Mnemonic switch
    {
        Mnemonic.Mov => ValueSource.Register,
        Mnemonic.Lmsw when instruction.Op0Kind == OpKind.Register => ValueSource.MachineStatus,
        Mnemonic.Clts => ValueSource.ClearTaskSwitched,
        Mnemonic.Wrmsr or Mnemonic.Wrmsrns => ValueSource.EdxEax,
        _ => ValueSource.Memory,
    };

    private static GuestRegister? RegisterOf(in Instruction instruction) => instruction.Mnemonic switch
    {
        Mnemonic.Mov => DecodedRegisters.General(instruction.Op1Register),
        Mnemonic.Lmsw => DecodedRegisters.General(instruction.Op0Register),
        _ => null,
    };
}
