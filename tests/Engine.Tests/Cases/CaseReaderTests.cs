namespace VmiPl.Tests.Cases;

public sealed class CaseReaderTests
{
    [Fact]
    public void Cases_have_names_and_sections_of_any_kind()
    {
        IReadOnlyList<TextCase> cases = CaseReader.Read("x.case",
        [
            "# about the file", "", "-- name  the first one ", "# about the case", "-- code", " 95 00 ", "# aside", "", "-- end finished 3",
            "-- name second", "-- script in a file", "CRWrite(3){", "\tReadRegister(CR3,", "# demo)", "", "}",
        ]);
        Assert.Equal(["x.case: the first one", "x.case: second"], cases.Select(found => found.ToString()));
        Assert.Equal(["code", "end"], cases[0].Sections.Select(section => section.Kind));
        Assert.Equal(["95 00"], cases[0].Find("code")!.Lines);
        Assert.Equal("finished 3", cases[0].Find("end")!.Argument);
        Assert.Equal("in a file", cases[1].Find("script")!.Argument);
        Assert.Equal("CRWrite(3){\n\tReadRegister(CR3,\n# demo)\n\n}\n", cases[1].Find("script")!.Text);
        Assert.Null(cases[1].Find("code"));
    }

    [Theory]
    [InlineData("text|-- name a", "x.case:1: text in front of the first case")]
    [InlineData("-- code|-- name a", "x.case:1: a section in front of the first name")]
    [InlineData("-- name a|text", "x.case:1: a line outside of any section")]
    [InlineData("-- name a|-- code|-- name a", "x.case:3: there is another case 'a'")]
    public void What_is_no_case_is_named_with_its_line(string text, string expected) =>
        Assert.Equal(expected, Assert.Throws<FormatException>(() => CaseReader.Read("x.case", text.Split('|'))).Message);

    [Theory]
    [InlineData("0", 0UL)]
    [InlineData("42", 42UL)]
    [InlineData("0xffffffffffffffff", ulong.MaxValue)]
    public void Numbers_are_decimal_or_hexadecimal(string text, ulong expected) => Assert.Equal(expected, CaseText.Number(text));

    [Fact]
    public void Bytes_are_pairs_of_digits()
    {
        (ulong number, byte[] bytes) = CaseText.Run("0x1000: 61 62ff");
        Assert.Equal(0x1000UL, number);
        Assert.Equal([0x61, 0x62, 0xff], bytes);
    }
}
