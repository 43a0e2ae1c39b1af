using VmiPl.Language.Model;
using VmiPl.Probes.Placement;

namespace VmiPl.Tests.Probes.Placement;

public sealed class MemoryAccessTests
{
    private const ulong Start = 0xFFFF_FFFF_8100_0000;
    private const MemoryTouch R = MemoryTouch.Read, W = MemoryTouch.Write;

    // After the instruction: every register holds a page of its own, RAX 0x10000, RCX 0x12000, RDX 0x13000, RBX 0x11000, RSI 0x14000,
    // RDI 0x15000, RBP 0x16000, RSP 0x17000, R8 0x18000.
    private static bool? Touched(string code, ulong address, MemoryTouch touch, ulong length = 1, CodeMode mode = CodeMode.Bits64, bool isDown = false, ulong start = Start)
    {
        byte[] bytes = [0x90, .. Convert.FromHexString(code.Replace(" ", "", StringComparison.Ordinal)), 0xCC];
        var vcpu = new VcpuMoment(
            start + (ulong)bytes.Length - 1,
            register => register == GuestRegister.Rflags ? isDown ? 0x402UL : 2UL : 0x10000 + 0x1000 * (ulong)register, FsBase: 0x7000_0000, GsBase: 0x8000_0000);
        return MemoryAccesses.Touched(bytes, start, mode, vcpu, address, length, touch);
    }

    [Theory]
    [InlineData("48 89 03", 0x11000, W, true)]              // mov %rax,(%rbx)
    [InlineData("48 89 03", 0x11000, R, false)]
    [InlineData("48 89 03", 0x11007, W, true)]
    [InlineData("48 89 03", 0x11008, W, false)]
    [InlineData("48 89 03", 0x10FFF, W, false)]
    [InlineData("48 8B 43 10", 0x11010, R, true)]           // mov 0x10(%rbx),%rax
    [InlineData("48 8B 03", 0x11000, R | W, true)]
    [InlineData("48 01 03", 0x11000, R, true)]              // add %rax,(%rbx) reads and writes
    [InlineData("48 01 03", 0x11000, W, true)]
    [InlineData("48 8D 03", 0x11000, R, false)]             // lea moves nothing
    [InlineData("48 8B 00", 0x10000, R, null)]              // mov (%rax),%rax: the address is overwritten
    [InlineData("48 8B 00", 0x10000, W, false)]             // but it writes nothing for certain
    [InlineData("8B 84 8B 00 01 00 00", 0x59100, R, true)]  // mov 0x100(%rbx,%rcx,4),%eax
    [InlineData("65 48 8B 04 25 40 00 00 00", 0x8000_0040, R, true)]    // mov %gs:0x40,%rax
    [InlineData("64 48 89 03", 0x7001_1000, W, true)]       // mov %rax,%fs:(%rbx)
    [InlineData("36 48 89 03", 0x11000, W, true)]           // other segments begin at 0
    [InlineData("90", 0x11000, R, false)]
    [InlineData("74 00", 0x11000, R, false)]                // a jump not taken
    [InlineData("C3", 0x17000, R, null)]                    // ret leads elsewhere
    [InlineData("FF 13", 0x11000, R, null)]                 // so does a call
    [InlineData("06", 0x11000, R, null)]                    // no instruction
    [InlineData("0F 44 03", 0x11000, R, true)]              // cmov reads whatever it decides
    [InlineData("48 0F B1 0B", 0x11000, R, true)]           // cmpxchg reads
    [InlineData("48 0F B1 0B", 0x11000, W, null)]           // and writes if it likes what it reads
    [InlineData("48 0F B1 0B", 0x12000, W, false)]
    [InlineData("0F AE 03", 0x11000, W, true)]              // fxsave
    [InlineData("0F AE 23", 0x11000, W, null)]              // xsave: its length is not in the instruction
    [InlineData("C4 C7 7A F6 C1 82 00 00 C0", 0x11000, W, false)]       // wrmsrns with a number
    public void Operands_in_memory(string code, ulong address, MemoryTouch touch, bool? expected) => Assert.Equal(expected, Touched(code, address, touch));

    [Theory]
    [InlineData("50", 0x17000, W, true)]                    // push %rax: RSP is the pushed word's address now
    [InlineData("50", 0x16FFF, W, false)]
    [InlineData("50", 0x17008, W, false)]
    [InlineData("FF 33", 0x11000, R, true)]                 // push (%rbx)
    [InlineData("FF 33", 0x17000, W, true)]
    [InlineData("FF 34 24", 0x17008, R, true)]              // push (%rsp) reads where RSP was
    [InlineData("58", 0x16FF8, R, true)]                    // pop %rax
    [InlineData("58", 0x17000, R, false)]
    [InlineData("5C", 0x16FF8, R, null)]                    // pop %rsp
    [InlineData("9C", 0x17000, W, true)]                    // pushf
    [InlineData("C9", 0x16000, R, null)]                    // leave
    [InlineData("C8 10 00 00", 0x17000, W, null)]           // enter
    [InlineData("8F 04 24", 0x17000, W, true)]              // pop (%rsp) counts from where RSP comes to be
    [InlineData("8F 04 24", 0x16FF8, R, true)]
    public void The_stack(string code, ulong address, MemoryTouch touch, bool? expected) => Assert.Equal(expected, Touched(code, address, touch));

    [Theory]
    [InlineData("AB", 0x14FFC, W, false, true)]             // stos %eax
    [InlineData("AB", 0x15000, W, false, false)]
    [InlineData("AB", 0x15004, W, true, true)]              // downwards
    [InlineData("AB", 0x14FFC, W, true, false)]
    [InlineData("48 A5", 0x13FF8, R, false, true)]          // movsq
    [InlineData("48 A5", 0x14FF8, W, false, true)]
    [InlineData("48 A5", 0x13FF8, W, false, false)]
    [InlineData("A6", 0x13FFF, R, false, true)]             // cmpsb
    [InlineData("A6", 0x14FFF, R, false, true)]
    [InlineData("AC", 0x13FFF, R, false, true)]             // lodsb
    [InlineData("F3 48 AB", 0x14000, W, false, null)]       // rep stosq: how often is not known any more
    [InlineData("F3 48 AB", 0x14FF8, W, false, null)]       // nor whether at all
    public void String_instructions(string code, ulong address, MemoryTouch touch, bool isDown, bool? expected) =>
        Assert.Equal(expected, Touched(code, address, touch, isDown: isDown));

    [Theory]
    [InlineData(CodeMode.Bits32, "89 03", 0x11000, W, true)]            // mov %eax,(%ebx)
    [InlineData(CodeMode.Bits32, "8B 83 00 F0 FF FF", 0x10000, R, true)]   // mov -0x1000(%ebx),%eax
    [InlineData(CodeMode.Bits32, "50", 0x17003, W, true)]
    [InlineData(CodeMode.Bits32, "50", 0x17004, W, false)]
    [InlineData(CodeMode.Bits32, "60", 0x1701F, W, true)]               // pusha
    [InlineData(CodeMode.Bits32, "AB", 0x14FFC, W, true)]
    [InlineData(CodeMode.Bits16, "89 07", 0x1000, W, true)]             // mov %ax,(%bx)
    public void Other_modes(CodeMode mode, string code, ulong address, MemoryTouch touch, bool? expected) =>
        Assert.Equal(expected, Touched(code, address, touch, mode: mode, start: 0x1000));

    [Fact]
    public void A_range_is_touched_by_any_of_its_bytes()
    {
        Assert.True(Touched("88 03", 0x10FF9, W, length: 8));
        Assert.False(Touched("88 03", 0x10FF8, W, length: 8));
        Assert.True(Touched("48 89 03", 0x11004, W, length: 8));
        // Wrapping ranges: the last bytes and the first.
        Assert.True(Touched("48 89 04 25 FE FF FF FF", 2, W, length: 8));
        Assert.False(Touched("48 89 04 25 FE FF FF FF", 6, W, length: 8));
    }

    [Fact]
    public void Without_a_boundary_at_RIP_nothing_is_known()
    {
        byte[] code = [0x48, 0x89, 0x03, 0x48, 0x89, 0x03];
        VcpuMoment At(ulong rip) => new(rip, _ => 0x11000, 0, 0);
        Assert.True(MemoryAccesses.Touched(code, Start, CodeMode.Bits64, At(Start + 6), 0x11000, 1, W));
        foreach (ulong rip in (ulong[])[Start, Start - 1, Start + 1, Start + 5, Start + 7, 0, ulong.MaxValue])
            Assert.Null(MemoryAccesses.Touched(code, Start, CodeMode.Bits64, At(rip), 0x11000, 1, W));
    }

    [Fact]
    public void Random_code_ends_in_an_answer()
    {
        var random = new Random(11);
        byte[] code = new byte[64];
        var answers = new HashSet<bool?>();
        for (int round = 0; round < 50_000; round++)
        {
            random.NextBytes(code);
            var vcpu = new VcpuMoment(Start + (ulong)random.Next(70), register => (ulong)random.NextInt64(), (ulong)random.NextInt64(), 0);
            CodeMode mode = (CodeMode)(16 << (round % 3));
            answers.Add(MemoryAccesses.Touched(code, Start, mode, vcpu, (ulong)random.NextInt64(), (ulong)random.Next(100) << 56, R | W));
            InstructionFacts? facts = InstructionFacts.Of(code.AsSpan(random.Next(64)), mode);
            Assert.True(facts is null or { Length: >= 1 and <= 15 });
        }
        Assert.Equal(3, answers.Count);
    }

    [Theory]
    [InlineData("90", 1, true, false)]
    [InlineData("F3 0F 1E FA", 4, true, false)]              // endbr64
    [InlineData("F3 0F 1E FB", 4, true, false)]              // endbr32
    [InlineData("0F 1F 44 00 00", 5, true, false)]
    [InlineData("66 90", 2, true, false)]
    [InlineData("66 66 2E 0F 1F 84 00 00 00 00 00", 11, true, false)]
    [InlineData("F3 90", 2, false, false)]                   // pause
    [InlineData("41 90", 2, false, false)]                   // xchg %eax,%r8d
    [InlineData("48 89 E5", 3, false, false)]
    [InlineData("F3 A4", 2, false, true)]                    // rep movsb
    [InlineData("F2 AE", 2, false, true)]                    // repne scasb
    [InlineData("A4", 1, false, false)]
    [InlineData("F3 C3", 2, false, false)]                   // rep ret
    [InlineData("C4 C7 7A F6 C1 82 00 00 C0", 9, false, false)]
    public void Facts_of_an_instruction(string code, int length, bool isNop, bool isRepeated)
    {
        byte[] bytes = Convert.FromHexString(code.Replace(" ", "", StringComparison.Ordinal));
        Assert.Equal(new InstructionFacts(length, isNop, isRepeated), InstructionFacts.Of([.. bytes, .. new byte[16]], CodeMode.Bits64));
        Assert.Null(InstructionFacts.Of(bytes.AsSpan(0, bytes.Length - 1), CodeMode.Bits64) is { } cut && cut.Length >= bytes.Length ? cut : null);
    }

    [Fact]
    public void The_same_bytes_are_other_instructions_in_other_modes()
    {
        byte[] code = [0x48, 0x90, 0x06];
        Assert.Equal(1, InstructionFacts.Of(code, CodeMode.Bits32)!.Value.Length);
        Assert.Equal(2, InstructionFacts.Of(code, CodeMode.Bits64)!.Value.Length);
        Assert.Null(InstructionFacts.Of(code.AsSpan(2), CodeMode.Bits64));
        Assert.Equal(1, InstructionFacts.Of(code.AsSpan(2), CodeMode.Bits16)!.Value.Length);
        Assert.Null(InstructionFacts.Of([], CodeMode.Bits64));
    }
}
