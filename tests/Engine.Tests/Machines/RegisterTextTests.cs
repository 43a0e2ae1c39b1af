using VmiPl.Machines;

namespace VmiPl.Tests.Machines;

/// <summary>The texts were captured from QEMU, as its versions print them.</summary>
public sealed class RegisterTextTests
{
    private const string Long72 = """
        CPU#0
        RAX=0000000004c67654 RBX=0000000004f58560 RCX=0000000000000003 RDX=000000000c9cc43b
        RSI=0000000000000103 RDI=0000000004f5ae72 RBP=0000000000000800 RSP=0000000004f56dc8
        R8 =0000000004f5ac6c R9 =0000000000000000 R10=00000000000004c8 R11=0000000000000100
        R12=0000000000000279 R13=00000000000007e1 R14=0000000004f585f0 R15=0000000004f58588
        RIP=0000000004f3a52a RFL=00000016 [----AP-] CPL=0 II=0 A20=1 SMM=0 HLT=0
        ES =0000 0000000000000000 00000000 00000000
        CS =0010 0000000000000000 ffffffff 00af9a00 DPL=0 CS64 [-R-]
        SS =0000 0000000000000000 00000000 00000000
        DS =0000 0000000000000000 00000000 00000000
        FS =0000 0000000000000000 00000000 00000000
        GS =0000 0000000000000000 00000000 00000000
        LDT=0000 0000000000000000 00000000 00008200 DPL=0 LDT
        TR =0020 0000000000000000 00000fff 00808900 DPL=0 TSS64-avl
        GDT=     0000000004f51010 0000002f
        IDT=     0000000004f51050 000001ff
        CR0=80050033 CR2=0000000000000000 CR3=0000000004f76000 CR4=00000020
        DR0=0000000000000000 DR1=0000000000000000 DR2=0000000000000000 DR3=0000000000000000
        DR6=00000000ffff0ff0 DR7=0000000000000400
        EFER=0000000000000500
        """;

    private const string Long100 = """
        CPU#0
        RAX=000000000238afbc RBX=0000000004f58560 RCX=00000000000007e1 RDX=00000000085ee0ba
        RSI=00000000000007e1 RDI=0000000000000112 RBP=0000000000000800 RSP=0000000004f56dc8
        R8 =0000000000000002 R9 =00000000000007e1 R10=0000000000000002 R11=0000000000000002
        R12=0000000000000002 R13=0000000000000026 R14=0000000004f585f0 R15=0000000004f58588
        RIP=0000000004f3a3e1 RFL=00000006 [-----P-] CPL=0 II=0 A20=1 SMM=0 HLT=0
        ES =0000 0000000000000000 00000000 00000000
        CS =0010 0000000000000000 ffffffff 00af9a00 DPL=0 CS64 [-R-]
        SS =0000 0000000000000000 00000000 00000000
        DS =0000 0000000000000000 00000000 00000000
        FS =0000 0000000000000000 00000000 00000000
        GS =0000 0000000000000000 00000000 00000000
        LDT=0000 0000000000000000 00000000 00008200 DPL=0 LDT
        TR =0020 0000000000000000 00000fff 00808900 DPL=0 TSS64-avl
        GDT=     0000000004f51010 0000002f
        IDT=     0000000004f51050 000001ff
        CR0=80050033 CR2=0000000000000000 CR3=0000000004f76000 CR4=00000020
        DR0=0000000000000000 DR1=0000000000000000 DR2=0000000000000000 DR3=0000000000000000
        DR6=00000000ffff0ff0 DR7=0000000000000400
        EFER=0000000000000500
        """;

    private const string Long111 = """
        CPU#0
        RAX=0000000004f58560 RBX=0000000004f58560 RCX=000000000163c74b RDX=0000000000000002
        RSI=0000000001a3720a RDI=00000000019d16ae RBP=0000000000000800 RSP=0000000004f56db0
        R8 =00000000000007e1 R9 =0000000004f59068 R10=0000000000000002 R11=0000000000000002
        R12=0000000000000002 R13=0000000000000021 R14=0000000004f585f0 R15=0000000004f58588
        RIP=0000000004f39a3c RFL=00000093 [--S-A-C] CPL=0 II=0 A20=1 SMM=0 HLT=0
        ES =0000 0000000000000000 00000000 00000000
        CS =0010 0000000000000000 ffffffff 00af9a00 DPL=0 CS64 [-R-]
        SS =0000 0000000000000000 00000000 00000000
        DS =0000 0000000000000000 00000000 00000000
        FS =0000 0000000000000000 00000000 00000000
        GS =0000 0000000000000000 00000000 00000000
        LDT=0000 0000000000000000 00000000 00008200 DPL=0 LDT
        TR =0020 0000000000000000 00000fff 00808900 DPL=0 TSS64-avl
        GDT=     0000000004f51010 0000002f
        IDT=     0000000004f51050 000001ff
        CR0=80050033 CR2=0000000000000000 CR3=0000000004f76000 CR4=00000020
        DR0=0000000000000000 DR1=0000000000000000 DR2=0000000000000000 DR3=0000000000000000
        DR6=00000000ffff0ff0 DR7=0000000000000400
        EFER=0000000000000500
        """;

    private const string Protected72 = """
        CPU#0
        EAX=03f80fc0 EBX=031edbc2 ECX=000000ea EDX=01ffb220
        ESI=4003c127 EDI=0200b220 EBP=00000001 ESP=01ffa068
        EIP=01ff0886 EFL=00000087 [--S--PC] CPL=0 II=0 A20=1 SMM=0 HLT=0
        ES =0018 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]
        CS =0010 00000000 ffffffff 00cf9b00 DPL=0 CS32 [-RA]
        SS =0018 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]
        DS =0018 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]
        FS =0018 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]
        GS =0018 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]
        LDT=0000 00000000 00000000 00008200 DPL=0 LDT
        TR =0020 00001000 00000067 00008900 DPL=0 TSS32-avl
        GDT=     01ff9000 0000001f
        IDT=     00000000 00000000
        CR0=00000011 CR2=00000000 CR3=00000000 CR4=00000000
        DR0=0000000000000000 DR1=0000000000000000 DR2=0000000000000000 DR3=0000000000000000
        DR6=00000000ffff0ff0 DR7=0000000000000400
        """;

    [Theory]
    [InlineData(Long72, 0x4f3a52aUL, 0x4c67654UL, 0x7e1UL, 0x16UL)]
    [InlineData(Long100, 0x4f3a3e1UL, 0x238afbcUL, 0x26UL, 0x6UL)]
    [InlineData(Long111, 0x4f39a3cUL, 0x4f58560UL, 0x21UL, 0x93UL)]
    public void Reads_a_64_bit_vcpu(string text, ulong rip, ulong rax, ulong r13, ulong rflags)
    {
        VcpuRegisters r = Assert.Single(RegisterText.Parse(text.ReplaceLineEndings("\r\n"), "m"));
        Assert.Equal((rip, rax, r13, rflags), (r.Rip, r.Rax, r.R13, r.Rflags));
        Assert.Equal(("m", 0, true, 0), (r.Machine, r.Vcpu, r.Is64Bit, r.Cpl));
        Assert.Equal((0x80050033UL, 0x4f76000UL, 0x20UL, 0x500UL), (r.Cr0, r.Cr3, r.Cr4, r.Efer));
        Assert.Equal((0x10, 0, 0x20), (r.Cs, r.Ss, r.Tr));
        Assert.Equal((0x4f51010UL, 0x2f, 0x4f51050UL, 0x1ff), (r.GdtBase, r.GdtLimit, r.IdtBase, r.IdtLimit));
        Assert.Equal(0x800UL, r.Rbp);
        Assert.NotEqual(0UL, r.R8 | r.R9);
    }

    [Fact]
    public void Reads_a_32_bit_vcpu()
    {
        VcpuRegisters r = Assert.Single(RegisterText.Parse(Protected72, "m"));
        Assert.False(r.Is64Bit);
        Assert.Equal((0x01ff0886UL, 0x03f80fc0UL, 0x01ffa068UL, 0x87UL), (r.Rip, r.Rax, r.Rsp, r.Rflags));
        Assert.Equal((0x10, 0x18, 0x18), (r.Cs, r.Ds, r.Gs));
        Assert.Equal((0x01ff9000UL, 0x1f, 0x11UL), (r.GdtBase, r.GdtLimit, r.Cr0));
    }

    [Fact]
    public void Reads_all_vcpus_in_their_order()
    {
        string text = Long72 + "\n\n" + Long100.Replace("CPU#0", "CPU#1", StringComparison.Ordinal) + "\n";
        Assert.Equal([(0, 0x4f3a52aUL), (1, 0x4f3a3e1UL)], RegisterText.Parse(text, "m").Select(r => (r.Vcpu, r.Rip)));
    }

    [Fact]
    public void User_mode_and_segment_bases_are_seen()
    {
        string text = Long72.Replace("CPL=0", "CPL=3", StringComparison.Ordinal)
            .Replace("GS =0000 0000000000000000", "GS =0000 ffff88800f600000", StringComparison.Ordinal);
        VcpuRegisters r = Assert.Single(RegisterText.Parse(text, "m"));
        Assert.Equal((3, 0xffff88800f600000UL), (r.Cpl, r.GsBase));
    }

    [Fact]
    public void Damaged_text_gives_fewer_registers_and_never_throws()
    {
        var random = new Random(3);
        for (int i = 0; i < 5_000; i++)
        {
            char[] text = (Long72 + "\n" + Protected72).ToCharArray();
            for (int n = random.Next(1, 40); n > 0; n--)
                text[random.Next(text.Length)] = (char)random.Next(32, 127);
            Assert.True(RegisterText.Parse(new string(text), "m").Count <= 2);
        }
        Assert.Empty(RegisterText.Parse("CPU#99999999999 CR3=1 RIP=1", "m"));
    }
}
