using VmiPl.Errors;
using VmiPl.Language.Model;
using VmiPl.Memory;
using VmiPl.Probes.Placement;
using VmiPl.Symbols;

namespace VmiPl.Tests.Probes.Placement;

public sealed class PrivilegedInstructionTests
{
    // Each register has a value that tells which one it is.
    private static ulong Value(GuestRegister register) => 0x1111_2222_0000_0000 + (ulong)register;

    [Theory]
    [InlineData("0F 22 C0", PrivilegedWrite.Cr0, 0x1111_2222_0000_0000UL)]            // mov %rax,%cr0
    [InlineData("41 0F 22 DA", PrivilegedWrite.Cr3, 0x1111_2222_0000_000AUL)]         // mov %r10,%cr3
    [InlineData("0F 22 E1", PrivilegedWrite.Cr4, 0x1111_2222_0000_0002UL)]            // mov %rcx,%cr4
    [InlineData("44 0F 22 C3", PrivilegedWrite.Cr8, 0x1111_2222_0000_0001UL)]         // mov %rbx,%cr8
    [InlineData("0F 06", PrivilegedWrite.Cr0, 0xF0F7UL)]                              // clts
    [InlineData("0F 01 F6", PrivilegedWrite.Cr0, 0xF0F5UL)]                           // lmsw %si: PE stays, TS goes
    [InlineData("0F 01 30", PrivilegedWrite.Cr0, null)]                               // lmsw (%rax)
    [InlineData("0F 30", PrivilegedWrite.Msr, 0x0000_0003_0000_0000UL)]               // wrmsr
    [InlineData("0F 01 C6", PrivilegedWrite.Msr, 0x0000_0003_0000_0000UL)]            // wrmsrns
    [InlineData("C4 C7 7A F6 C1 82 00 00 C0", PrivilegedWrite.Msr, 0x1111_2222_0000_0009UL)]   // wrmsrns %r9,$0xc0000082
    [InlineData("0F 01 1D 10 00 00 00", PrivilegedWrite.Idtr, null)]                  // lidt 0x10(%rip)
    [InlineData("0F 01 14 24", PrivilegedWrite.Gdtr, null)]                           // lgdt (%rsp)
    public void Each_write_is_found_with_its_value(string code, PrivilegedWrite kind, ulong? expected)
    {
        var text = new SyntheticText();
        byte[] bytes = Convert.FromHexString(code.Replace(" ", "", StringComparison.Ordinal));
        ulong at = text.Function("f", 0x100, [0x50, .. bytes, 0xC3]) + 1;
        InstructionSearch search = text.Find();
        InstructionPlace place = Assert.Single(search.Places);
        Assert.Empty(search.Unsearched.Where(unsearched => unsearched.Place.Address != 0));
        Assert.Equal((at, bytes.Length, kind, "f+0x1"), (place.Address, place.Length, place.Kind, place.Name));
        Assert.Equal(expected, place.NewValue(Value, 0xF0FF));
        Assert.Equal(kind != PrivilegedWrite.Msr ? null : bytes.Length == 9 ? 0xC000_0082 : 2u, place.Msr(Value));
        Assert.Empty(text.Find(PrivilegedWrite.All & ~kind).Places);
    }

    [Theory]
    [InlineData(PagingMode.Legacy32)]
    [InlineData(PagingMode.Pae)]
    public void A_32_bit_kernel_has_32_bit_values(PagingMode mode)
    {
        var text = new SyntheticText(mode);
        // inc %eax, which is a prefix to 64-bit code; mov %ebx,%cr3; wrmsr
        ulong at = text.Function("f", 0x200, 0x40, 0x0F, 0x22, 0xDB, 0x0F, 0x30);
        InstructionPlace[] places = [.. text.Find().Places];
        Assert.Equal([at + 1, at + 4], places.Select(place => place.Address));
        Assert.Equal([1UL, 0x0000_0003_0000_0000UL], places.Select(place => place.NewValue(Value, 0)));
    }

    [Fact]
    public void Bytes_in_the_middle_of_another_instruction_are_none()
    {
        var text = new SyntheticText();
        // mov $0xd8220f,%eax; movabs $0x300f300f300f060f,%rcx; lea 0x30220f(%rip),%rax; jmp over 0f 22
        text.Function("f", 0x300, 0xB8, 0x0F, 0x22, 0xD8, 0x00, 0x48, 0xB9, 0x0F, 0x06, 0x0F, 0x30, 0x0F, 0x30, 0x0F, 0x30, 0x48, 0x8D, 0x05, 0x0F, 0x22, 0x30, 0x00, 0xC3);
        InstructionSearch search = text.Find();
        Assert.Empty(search.Places);
        Assert.DoesNotContain(search.Unsearched, unsearched => unsearched.Place.Address != 0);
    }

    [Fact]
    public void A_symbol_begins_anew_and_what_no_instruction_is_ends_a_run()
    {
        var text = new SyntheticText();
        // 06 is no instruction in 64-bit code; what is behind it is not known to be one.
        ulong broken = text.Function("broken", 0x400, 0x0F, 0x22, 0xC0, 0x06, 0x0F, 0x22, 0xD8);
        // The second symbol stands in the middle of what the first one's bytes say.
        ulong label = text.Function("label", 0x502, 0x0F, 0x22, 0xD8, 0xC3);
        text.Function("whole", 0x500, 0x48, 0xB8);
        InstructionSearch search = text.Find();
        Assert.Equal([(broken, "broken"), (label, "label")], search.Places.Select(place => (place.Address, place.Name)));
        UnsearchedText unsearched = Assert.Single(search.Unsearched, unsearched => unsearched.Place.Address != 0);
        Assert.Equal((broken + 4, "broken+0x4"), (unsearched.Place.Address, unsearched.Place.Name));
    }

    [Fact]
    public void Data_symbols_begin_no_function()
    {
        var text = new SyntheticText();
        text.Function("f", 0x600, 0x48, 0xB8, 0x0F, 0x22, 0xD8, 0xC3, 0, 0, 0, 0);
        text.Symbol("data", text.Image + 0x602, 'd');
        Assert.Empty(text.Find().Places);
    }

    [Fact]
    public void Init_code_gives_no_places()
    {
        var text = new SyntheticText();
        text.Symbol("_sinittext", text.Image + 0x3000);
        text.Symbol("_einittext", text.Image + 0x5000);
        text.Function("init", 0x4000, 0x0F, 0x22, 0xD8);
        ulong before = text.Function("before", 0x2000, 0x0F, 0x22, 0xD8), after = text.Function("after", 0x5000, 0x0F, 0x22, 0xD8);
        Assert.Equal([before, after], text.Find().Places.Select(place => place.Address));
    }

    [Fact]
    public void Pages_that_are_gone_are_skipped_and_said()
    {
        var text = new SyntheticText();
        ulong before = text.Function("before", 0x1FF0, 0x0F, 0x22, 0xD8);
        text.Function("gone", 0x2F00, 0x0F, 0x22, 0xD8);
        text.Function("cut", 0x3010, 0x0F, 0x22, 0xD8);
        ulong after = text.Function("after", 0x4100, 0x0F, 0x22, 0xD8);
        text.Tables.Unmap(text.Image + 0x2000);
        text.Tables.Unmap(text.Image + 0x3000);
        // The function "cut" goes on behind the hole; what is there cannot be reached.
        text.Memory[SyntheticText.Physical + 0x4000] = 0x0F;
        text.Memory[SyntheticText.Physical + 0x4001] = 0x06;
        InstructionSearch search = text.Find();
        Assert.Equal([before, after], search.Places.Select(place => place.Address));
        Assert.Equal([text.Image + 0x2000, text.Image + 0x4000], search.Unsearched.Select(unsearched => unsearched.Place.Address).Where(address => address != 0));
    }

    [Fact]
    public void Random_text_and_symbols_end_in_a_result()
    {
        var random = new Random(20261123);
        for (int round = 0; round < 200; round++)
        {
            var text = new SyntheticText(round % 2 == 0 ? PagingMode.FourLevel : PagingMode.Pae);
            Span<byte> code = text.Memory.AsSpan(SyntheticText.Physical, SyntheticText.Bytes);
            random.NextBytes(code);
            // Rich in what is looked for.
            for (int i = 0; i < 2000; i++)
            {
                code[random.Next(code.Length - 1)] = 0x0F;
                code[random.Next(code.Length - 1)] = (byte)(i % 3 == 0 ? 0x22 : i % 3 == 1 ? 0x30 : 0xC4);
            }
            var symbols = new List<VmiSymbol>();
            string[] names = ["_text", "_stext", "_etext", "__init_begin", "__init_end", "_sinittext", "_einittext"];
            for (int i = 0; i < 300; i++)
            {
                ulong address = i % 10 == 0 ? (ulong)random.NextInt64() << 1 : text.Image + (ulong)random.Next(SyntheticText.Bytes + 4096);
                symbols.Add(new VmiSymbol(i < round % 16 && i < names.Length ? names[i] : $"f{i}", address, "tTwWdA?"[i % 7], null));
            }
            InstructionSearch search = PrivilegedInstructions.Find(text.Open(symbols: new UnorderedSymbols(symbols)), PrivilegedWrite.All, TestContext.Current.CancellationToken);
            Assert.Equal(search.Places.Select(place => place.Address).Distinct().Order(), search.Places.Select(place => place.Address));
            Assert.All(search.Places, place => Assert.InRange(place.Address, text.Image, text.Image + SyntheticText.Bytes - (ulong)place.Length));
        }
    }

    [Theory]
    [InlineData(0xFFFF_FFFF_FFFF_F000UL, 0x2000UL)]     // wraps: nothing is left
    [InlineData(0xFFFF_8000_0000_0000UL, 0xFFFF_FFFF_FFFF_FFFFUL)]
    public void Text_that_says_it_is_huge_is_not_read(ulong first, ulong end)
    {
        var text = new SyntheticText();
        var symbols = new UnorderedSymbols([new VmiSymbol("_text", first, 'T', null), new VmiSymbol("_etext", end, 'T', null)]);
        InstructionSearch search = PrivilegedInstructions.Find(text.Open(symbols: symbols), PrivilegedWrite.All, TestContext.Current.CancellationToken);
        Assert.Empty(search.Places);
        Assert.Equal(first < end, search.Unsearched.Any(unsearched => unsearched.Place.Address == first));
    }

    [Fact]
    public void No_more_than_the_limit_is_read()
    {
        var text = new SyntheticText();
        text.Function("f", 0x100, 0x0F, 0x22, 0xD8);
        InstructionSearch search = PrivilegedInstructions.Find(text.Open(new VmiLimits { MaxKernelImageBytes = SyntheticText.Bytes - 1 }), PrivilegedWrite.All, TestContext.Current.CancellationToken);
        Assert.Empty(search.Places);
        Assert.Contains(search.Unsearched, unsearched => unsearched.Place.Address == text.Image);
    }
}
