using System.Text;
using VmiPl.Errors;
using VmiPl.Language.Model;
using VmiPl.Probes.GdbStub;

namespace VmiPl.Tests.Probes.GdbStub;

public sealed class StubRegistersTests
{
    private static readonly StubDescription Backwards = new([.. StubDescription.Long.Registers.Reverse()]);

    // Nobody shows these.
    private static readonly GuestRegister[] Hidden = [GuestRegister.Tr, GuestRegister.Ldtr, GuestRegister.Gdtr, GuestRegister.Idtr];

    private static readonly Dictionary<string, ulong> Values =
        StubDescription.Long.Registers.Where(register => register.Bits <= 64).Select((register, i) => (register, i)).ToDictionary(
            each => each.register.Name, each => each.register.Bits == 64 ? 0xffffffff81000000 + (ulong)each.i : 0x80000000 + (ulong)each.i);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Registers_are_found_by_name_in_any_order(bool backwards)
    {
        StubDescription description = backwards ? Backwards : StubDescription.Long;
        StubRegisters registers = Of(description);
        ulong[] values = Read(registers, description.Answer(Values), out ulong efer, out ulong fs, out ulong gs);
        foreach (GuestRegister register in Enum.GetValues<GuestRegister>().Except(Hidden))
        {
            Assert.True(registers.Has(register));
            Assert.Equal(Values[register == GuestRegister.Rflags ? "eflags" : Name(register)], values[(int)register]);
        }
        Assert.Equal((Values["efer"], Values["fs_base"], Values["gs_base"]), (efer, fs, gs));
        Assert.True(registers.HasControl);
    }

    [Fact]
    public void Registers_of_a_32_bit_vcpu_are_the_lower_halves()
    {
        StubRegisters registers = Of(StubDescription.Protected);
        var given = new Dictionary<string, ulong> { ["eax"] = 1, ["ebx"] = 2, ["ecx"] = 3, ["esp"] = 0xc1000000, ["eip"] = 0xfffffff0, ["cr3"] = 0x1000 };
        ulong[] values = Read(registers, StubDescription.Protected.Answer(given), out _, out _, out _);
        Assert.Equal([1UL, 2, 3], values[..3]);
        Assert.Equal((0xc1000000, 0xfffffff0, 0x1000UL), (values[(int)GuestRegister.Rsp], values[(int)GuestRegister.Rip], values[(int)GuestRegister.Cr3]));
        Assert.Equal("P8=000000c1", registers.SetInstructionPointer(0xc1000000));
    }

    [Fact]
    public void What_is_not_shown_stays_as_it_is()
    {
        ulong[] values = Read(Of(StubDescription.Protected), StubDescription.Protected.Answer(Values), out _, out _, out _);
        Assert.All(Hidden.Append(GuestRegister.R8).Append(GuestRegister.R15), register => Assert.Equal(Untouched, values[(int)register]));
    }

    [Fact]
    public void The_instruction_pointer_is_set_by_its_own_number()
    {
        Assert.Equal("P10=00000081ffffffff", Of(StubDescription.Long).SetInstructionPointer(0xffffffff81000000));
        Assert.Equal($"P{StubDescription.Long.Registers.Length - 1 - 16:x}=0100000000000000", Of(Backwards).SetInstructionPointer(1));
    }

    [Theory]
    [InlineData("cr0")]
    [InlineData("cr3")]
    [InlineData("cr4")]
    [InlineData("efer")]
    public void Without_control_registers_nothing_tells_how_addresses_are_translated(string missing)
    {
        StubRegisters registers = Of(new([.. StubDescription.Long.Registers.Where(register => register.Name != missing)]));
        Assert.False(registers.HasControl);
    }

    [Theory]
    [InlineData("rip")]
    [InlineData("rsp")]
    public void A_target_that_is_no_x86_is_refused(string missing) => Assert.Equal(VmiErrorCode.NotSupported, Assert.Throws<VmiException>(() =>
        Of(new([.. StubDescription.Long.Registers.Where(register => register.Name != missing)]))).Code);

    [Fact]
    public void Registers_that_are_too_wide_are_none()
    {
        StubRegisters registers = Of(new([.. StubDescription.Long.Registers.Select(register => register.Name == "cr3" ? ("cr3", 128) : register)]));
        Assert.False(registers.Has(GuestRegister.Cr3));
        Assert.False(registers.HasControl);
        Assert.Equal(VmiErrorCode.NotSupported, Assert.Throws<VmiException>(() =>
            Of(new([.. StubDescription.Long.Registers.Select(register => register.Name == "rip" ? ("rip", 4096) : register)]))).Code);
    }

    [Fact]
    public void What_nobody_wants_may_be_missing_or_unavailable()
    {
        string answer = StubDescription.Long.Answer(Values);
        const int Wanted = 2 * 236;
        foreach (string shown in (string[])[answer[..Wanted], answer[..Wanted] + new string('x', answer.Length - Wanted), answer + "00"])
            Assert.Equal(Values["cr8"], Read(Of(StubDescription.Long), shown, out _, out _, out _)[(int)GuestRegister.Cr8]);
    }

    [Fact]
    public void Answers_that_lack_what_is_wanted_are_refused()
    {
        StubRegisters registers = Of(StubDescription.Long);
        string answer = StubDescription.Long.Answer(Values);
        foreach (string bad in (string[])["", "E14", answer[..(2 * 236 - 1)], "xxxxxxxxxxxxxxxx" + answer[16..], answer[..15] + "g" + answer[16..], answer[..15] + "\u00ff" + answer[16..]])
            Assert.Equal(VmiErrorCode.MonitorProtocol, Assert.Throws<VmiException>(() => Read(registers, bad, out _, out _, out _)).Code);
    }

    private const ulong Untouched = 0x1234;

    private static string Name(GuestRegister register) => register.ToString().ToLowerInvariant();

    private static StubRegisters Of(StubDescription description) => new(new TargetDescription(description.Document));

    private static ulong[] Read(StubRegisters registers, string answer, out ulong efer, out ulong fs, out ulong gs)
    {
        ulong[] values = new ulong[(int)GuestRegister.Cr8 + 1];
        Array.Fill(values, Untouched);
        registers.Read(Encoding.Latin1.GetBytes(answer), values, out efer, out fs, out gs);
        return values;
    }
}
