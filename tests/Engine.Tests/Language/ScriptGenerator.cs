using System.Collections.Immutable;
using VmiPl.Language;
using VmiPl.Language.Syntax;

namespace VmiPl.Tests.Language;

/// <summary>Makes random trees that use every form of the language. The same seed makes the same trees.</summary>
internal sealed class ScriptGenerator(int seed)
{
    private static readonly string[] Words =
        ["EAX", "do_exit", "__x64_sys_openat", "do_exit.part.0", "$x.text", "out.txt", "PID", "_", "0x", "12ab", "ReadMemory", "Pause", "Reconfigure", "\u00e4\u03b2", "x"];
    private static readonly string[] Numbers = ["0", "3", "440", "0xC17cdfe0", "0XFF", "99999999999999999999999", "007"];
    private static readonly string[] Streams = ["demo", "a-b", "a.b_c$", "0", "-"];
    private static readonly string[] Texts = ["", "a, (b) {c}", "// no comment", "\"\\\n\t", "\u00e4 \U0001F600 \uFEFF", "/* #x"];
    private static readonly string[] Paths = ["/tmp/x.log", "./a/b.txt", "~/x", "a/b", "/", "my-file.log", "a-b-1", "/a:b+c=d#e", "../\u00e4"];
    private static readonly string[] Macs = ["00:16:35:AF:94:4B", "fe-16-35-af-94-4b", "1:2:", "001::zz"];
    private readonly Random _random = new(seed);

    public ScriptSyntax Script() => new(Entries(0, false), default);

    private ImmutableArray<EntrySyntax> Entries(int depth, bool inConfiguration) =>
        [.. Enumerable.Range(0, _random.Next(5)).Select(_ => Entry(depth, inConfiguration))];

    private EntrySyntax Entry(int depth, bool inConfiguration)
    {
        NameSyntax? label = _random.Next(4) == 0 ? Name(_random.Next(8) == 0 ? Numbers : Words) : null;
        if (_random.Next(inConfiguration ? 2 : 12) == 0)
            return new SettingSyntax(label ?? Name(Words), Value(inConfiguration), default);
        bool isConfiguration = _random.Next(8) == 0;
        NameSyntax name = isConfiguration ? new NameSyntax(Pick("Configuration", "configuration"), default) : Name(Words);
        ImmutableArray<ArgumentSyntax>? arguments =
            _random.Next(3) == 0 ? null : [.. Enumerable.Range(0, _random.Next(5)).Select(_ => Argument())];
        ImmutableArray<EntrySyntax>? body = depth < 5 && _random.Next(3) == 0 ? Entries(depth + 1, isConfiguration) : null;
        // In a Configuration a label with a bare word is a setting.
        if (inConfiguration && label is not null && arguments is null && body is null)
            arguments = [];
        return new InvocationSyntax(label, name, arguments, body, false, default, default);
    }

    private ArgumentSyntax Value(bool inConfiguration)
    {
        while (true)
        {
            ArgumentSyntax value = Argument();
            if (value is not DashSyntax && (inConfiguration || value is not WordSyntax))
                return value;
        }
    }

    private ArgumentSyntax Argument() => _random.Next(9) switch
    {
        0 or 1 => new WordSyntax(Pick(Words), default),
        2 => Number(),
        3 => new SumSyntax(_random.Next(2) == 0 ? new WordSyntax(Pick(Words), default) : Number(),
            [.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => Number())], default),
        4 => new StreamSyntax(Pick(Streams), default),
        5 => new TextSyntax(Pick(Texts), default),
        6 => new PathSyntax(Pick(Paths), default),
        7 => new MacSyntax(Pick(Macs), default),
        _ => new DashSyntax(default),
    };

    private NumberSyntax Number() => new(Pick(Numbers), _random.Next(3) == 0, default);

    private NameSyntax Name(string[] names) => new(Pick(names), default);

    private string Pick(params string[] among) => among[_random.Next(among.Length)];
}
