using VmiPl.Compilation;
using VmiPl.Language;
using VmiPl.Language.Tables;
using VmiPl.Memory;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Compilation;

/// <summary>Every diagnostic that compiling can yield is yielded, where and as a user needs it.</summary>
public sealed class CompilationDiagnosticsTests
{
    /// <summary>Guest, script, and the diagnostics wanted as <c>line:column id</c>; guests: 64, 32, none, bare (64-bit, with no task offsets).</summary>
    public static TheoryData<string, string, string> Cases => new()
    {
        { "none", "ExecuteAt(do_exit){ ReadMemory(do_exit+8, 4) ReadRegister(RAX) }", "1:11 VMI3001" },
        { "none", "Syscall(opennat){ Pause }", "1:1 VMI3002" },
        { "none", "Syscall(openat){ Pause }", "" },
        { "64", "ExecuteAt(do_exitt){ Pause }", "1:11 VMI3010" },
        { "64", "ExecuteAt(do_exit){ ReadMemory(nothing, 4) ReadMemory(nothing, 8) }", "1:32 VMI3010, 1:55 VMI3010" },
        { "32", "ExecuteAt(0x1c1000000){ Pause }", "1:11 VMI3011" },
        { "32", "ExecuteAt(0xc1000000){ Pause }", "" },
        { "64", "ExecuteAt(0x800000000000){ Pause }", "1:11 VMI3012" },
        { "64", "ExecuteAt(0xffff800000000000){ Pause }", "" },
        { "32", "OnResume{ ReadRegister(RAX) ReadRegister(R9) ReadRegister(EAX) }", "1:24 VMI3013, 1:42 VMI3013" },
        { "32", "OnResume{ RegisterHasValue(CR3, 0x100000000){ Pause } }", "1:11 VMI3014" },
        { "32", "OnResume{ ValueAtAddressIs(do_exit, 0x100000000){ Pause } }", "1:11 VMI3014" },
        { "64", "Syscall(openat){ Pause }", "1:1 VMI3020" },
        { "64", "Syscall(-){ Pause }", "1:1 VMI3022" },
        { "bare", "OnResume{ ProcessList(PID) }", "1:11 VMI3030" },
        { "bare", "OnResume{ ProcessIs(PID, 1){ Pause } }", "1:11 VMI3031" },
        { "64", "OnResume{ ProcessList(PID, PATH) ProcessIs(NAME, \"x\"){ Pause } }", "" },
        { "64", "Configuration{ TasksOffset: 4294967296 }\nOnResume{ Pause }", "1:16 VMI3032" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Yields(string guest, string text, string expected)
    {
        CompiledScript script = Compile(guest, text);
        Assert.Equal(expected, string.Join(", ", script.Diagnostics.Select(diagnostic => $"{diagnostic.Line}:{diagnostic.Column} {diagnostic.Id}")));
        Assert.Equal(expected.Length > 0 && guest != "none", script.HasErrors);
    }

    [Fact]
    public void A_body_that_is_too_large_is_refused()
    {
        string text = $"OnResume{{ {string.Concat(Enumerable.Repeat("ReadRegister(RAX) ", 20_000))} }}";
        Assert.Equal("VMI3040", Assert.Single(Compile("64", text).Diagnostics).Id);
    }

    [Fact]
    public void Each_id_has_a_case()
    {
        // Those of reconfiguration scripts, of a body's size and of a call that the kernel lacks have tests of their own.
        string[] elsewhere = ["VMI3021", "VMI3040", "VMI3041", "VMI3042", "VMI3043", "VMI3044"];
        IEnumerable<string> here = Cases.SelectMany(row => row.Data.Item3.Split(", ", StringSplitOptions.RemoveEmptyEntries)).Select(item => item.Split(' ')[1]);
        Assert.Equal(CompilationDiagnostics.All.Select(descriptor => descriptor.Id), here.Concat(elsewhere).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_misspelt_symbol_has_a_hint()
    {
        Diagnostic diagnostic = Assert.Single(Compile("none", "Syscall(opennat){ Pause }").Diagnostics);
        Assert.Equal("did you mean `openat`?", diagnostic.Hint);
        Assert.Equal(DiagnosticSeverity.Warning, diagnostic.Severity);
    }

    [Fact]
    public void No_id_is_given_twice() =>
        Assert.Empty(DiagnosticIds.All.Concat(CompilationDiagnostics.All).GroupBy(descriptor => descriptor.Id).Where(group => group.Count() > 1).Select(group => group.Key));

    private static CompiledScript Compile(string guest, string text)
    {
        var source = new SourceText(text);
        if (guest == "none")
            return ScriptCompiler.Compile(ScriptReader.Read(source));
        if (guest == "bare")
            return ScriptCompiler.Compile(ScriptReader.Read(source), new SmallGuest(PagingMode.FourLevel).OpenBare());
        var small = new SmallGuest(guest == "32" ? PagingMode.Pae : PagingMode.FourLevel);
        small.Symbols["do_exit"] = small.Kernel + 0x100;
        return ScriptCompiler.Compile(ScriptReader.Read(source), small.Open());
    }
}
