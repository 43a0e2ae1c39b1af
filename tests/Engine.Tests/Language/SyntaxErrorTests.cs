namespace VmiPl.Tests.Language;

/// <summary>What a text with mistakes yields: all of them, and none that is not the user's.</summary>
public sealed class SyntaxErrorTests
{
    [Theory]
    // Characters.
    [InlineData("Pause;", "1:6 1010")]
    [InlineData("Pause\n\u0001\nPause", "2:1 1010")]
    [InlineData("A(1){\n  Interrupt%\n}", "2:12 1010")]
    [InlineData("A(\"abc)\nPause", "1:3 1011")]
    [InlineData("ProcessIs(NAME, \"ssh){\n    Pause\n}", "1:17 1011")]
    [InlineData("A(1){\n  B(x)\n /* c", "3:2 1012")]
    [InlineData("A(\"a\\qb\", \"\\\u00e4\")", "1:5 1013, 1:12 1013")]
    [InlineData("A(1, #)", "1:6 1014")]
    [InlineData("A(1, # demo)", "1:6 1014")]
    // Arguments.
    [InlineData("A(1 2)", "1:5 1020")]
    [InlineData("ReadMemory(1 2 #t)", "1:16 1020")]
    [InlineData("A(PID\n  NAME\n  PATH, #t)", "2:3 1020, 3:3 1020")]
    [InlineData("A(1,)", "1:5 1021")]
    [InlineData("A(,1)", "1:3 1021")]
    [InlineData("A(1,,2)", "1:5 1021")]
    [InlineData("A(x + , 2)", "1:7 1021")]
    [InlineData("a:", "1:3 1021")]
    [InlineData("Configuration{\n  A:\n  B: 2\n  C:\n}", "3:3 1021, 5:1 1021")]
    [InlineData("A(1", "1:2 1022")]
    [InlineData("A(1{\n  Pause\n}", "1:2 1022")]
    [InlineData("A(1){\n  B(x, #t\n  C(y)\n}", "2:4 1022")]
    [InlineData("A(1){\n  B(x, #t\n  Pause\n}\nC(1)", "2:4 1022")]
    [InlineData("A(1,\nb: B(2)", "1:2 1022")]
    [InlineData("A 1, #t", "1:3 1023")]
    [InlineData("A EAX, #t)\nB(1)", "1:3 1023")]
    [InlineData("Syscall openat, 2 {\n  Pause\n}", "1:9 1023")]
    [InlineData("Interrupt[14]{\n Pause }", "1:10 1010, 1:13 1010")]
    [InlineData("A(1))", "1:5 1028")]
    [InlineData("A(1)){\n  Pause\n}", "1:5 1028")]
    [InlineData("A(B(1), 2)", "1:4 1028")]
    [InlineData("A((1))", "1:3 1028")]
    [InlineData("A(a: 1)", "1:4 1028")]
    [InlineData("A(x + y)", "1:7 1028")]
    // Configuration.
    [InlineData("Configuration{\n  A 440\n  B = 5\n  C x\n}", "2:5 1024, 3:5 1010, 4:5 1024")]
    // Blocks.
    [InlineData("A(1){\n  Pause\n", "1:5 1025")]
    [InlineData("A(1){\n  Pause\nB(2){\n  Pause\n}\nC(3)", "1:5 1025")]
    [InlineData("A(1){\n  F(2){\n    Pause\n}\nB(2){\n  Pause\n}", "2:7 1025")]
    [InlineData("A(1){ F(2){", "1:5 1025, 1:11 1025")]
    [InlineData("}", "1:1 1026")]
    [InlineData("A(1){\n}\n}\nB(2){\n}", "3:1 1026")]
    [InlineData("A(1)\n  Pause\n}\nB(2){\n}", "1:1 1027")]
    [InlineData("C(1)\nA(1)\n  Pause\n}\nB(2){\n}", "2:1 1027")]
    [InlineData("A(1){\n  F(2)\n    Pause\n  }\n  Pause\n}", "2:3 1027")]
    [InlineData("A(1) Pause }", "1:1 1027")]
    [InlineData("{ A(1) }", "1:1 1028")]
    [InlineData("\"x\": A(1)", "1:1 1028")]
    [InlineData("(A(1),\nB(2))\nC(3)", "1:1 1028")]
    [InlineData("A(1), B(2)", "1:5 1028")]
    [InlineData("5 6 7\nA(1)", "1:1 1028")]
    // Several at once.
    [InlineData("A(1 2){\n  B(,)\n  C(\"x\n  D(1))\n}\n}", "1:5 1020, 2:5 1021, 2:6 1021, 3:5 1011, 3:4 1022, 4:7 1028, 6:1 1026")]
    public void Each_mistake_is_reported_once_where_it_is(string text, string places)
    {
        Reading reading = Reading.Of(text);
        Assert.Equal(string.Join(", ", places.Split(", ").Order(StringComparer.Ordinal)), string.Join(", ", reading.Places.Split(", ").Order(StringComparer.Ordinal)));
        Assert.All(reading.Diagnostics, d => Assert.DoesNotContain("{", d.Message.Replace("`{`", "", StringComparison.Ordinal), StringComparison.Ordinal));
    }
}
