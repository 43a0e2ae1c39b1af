using VmiPl.Language;
using VmiPl.Language.Model;
using VmiPl.Language.Tables;
using VmiPl.Symbols;

namespace VmiPl.Tests.Language;

public sealed class TableTests
{
    public static TheoryData<string> Names => [.. ConstructTable.All.Select(construct => construct.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Examples_are_valid_where_they_may_stand(string name)
    {
        Construct construct = ConstructTable.Find(name)!;
        string example = construct.Places.HasFlag(ConstructPlaces.TopLevel) ? construct.Example : $"CRWrite(3){{\n{construct.Example}\n}}";
        Assert.Empty(ScriptReader.Read(new SourceText(example)).Diagnostics);
        Assert.Contains(name, construct.Example, StringComparison.Ordinal);
    }

    [Fact]
    public void Signatures_show_what_may_be_left_out()
    {
        Assert.Equal("ReadMemory(<address>, <size>[, <output>])", ConstructTable.Find("readmemory")!.Signature);
        Assert.Equal("ProcessList(<field>, …[, <output>])", ConstructTable.Find("ProcessList")!.Signature);
        Assert.Equal("Syscall[(<call>)]", ConstructTable.Find("Syscall")!.Signature);
        Assert.Equal("Pause", ConstructTable.Find("Pause")!.Signature);
    }

    [Fact]
    public void Configuration_has_the_keys_that_profiles_take() =>
        Assert.Equal(
            ConfigurationKeys.Symbols.Keys.Concat(ConfigurationKeys.Offsets.Keys).Concat(ConfigurationKeys.Kept).Order(StringComparer.Ordinal),
            ConfigurationKeyTable.All.Select(key => key.Name).Order(StringComparer.Ordinal));

    [Fact]
    public void Every_register_and_field_has_a_name()
    {
        Assert.Equal(Enum.GetValues<GuestRegister>(), RegisterTable.Names.Select(name => RegisterTable.Find(name)!.Register).Distinct().Order());
        Assert.Equal(Enum.GetValues<VmcsField>(), VmcsFieldTable.Given.Values.Order());
        Assert.Equal(Enum.GetValues<ProcessField>(), ProcessFieldTable.Names.Select(name => ProcessFieldTable.ByName[name].Field).Order());
        Assert.Empty(VmcsFieldTable.Given.Keys.Intersect(VmcsFieldTable.Refused.Keys));
    }

    [Theory]
    [InlineData("LSTAR", 0xc0000082)]
    [InlineData("msr_lstar", 0xc0000082)]
    [InlineData("IA32_EFER", 0xc0000080)]
    [InlineData("IA32_TSC", 0x10)]
    public void Model_specific_registers_have_their_numbers(string name, uint number) => Assert.Equal(number, MsrTable.ByName[name]);

    [Fact]
    public void Ids_of_diagnostics_are_different() => Assert.Distinct(DiagnosticIds.All.Select(descriptor => descriptor.Id));
}
