using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace VmiPl.Tests.Probes.Shim;

/// <summary>A field of a structure of the shim's header. Lengths in bytes.</summary>
internal sealed record HeaderField(string Name, int Offset, int Length);

/// <summary>A structure of the shim's header, without holes as the header promises.</summary>
internal sealed record HeaderStruct(string Name, int Size, IReadOnlyList<HeaderField> Fields);

/// <summary>What <c>vmi_shim.h</c> declares: enough of C for a header whose fields are all of fixed width.</summary>
internal sealed partial class ShimHeader
{
    private readonly Dictionary<string, ulong> _numbers = [];

    public ShimHeader(string text)
    {
        string code = Comment().Replace(text, " ");
        foreach (Match define in Define().Matches(code))
            _numbers[define.Groups[1].Value] = Number(define.Groups[2].Value);
        Defines = new Dictionary<string, ulong>(_numbers);
        foreach (Match declared in EnumText().Matches(code))
        {
            var members = new List<(string, ulong)>();
            foreach (string member in declared.Groups[2].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                string[] sides = member.Split('=', StringSplitOptions.TrimEntries);
                _numbers[sides[0]] = Number(sides[1]);
                members.Add((sides[0], _numbers[sides[0]]));
            }
            Enums.Add((declared.Groups[1].Value, members));
        }
        foreach (Match declared in StructText().Matches(code))
            Structs.Add(Layout(declared.Groups[1].Value, declared.Groups[2].Value));
    }

    /// <summary>Numbers that stand alone.</summary>
    public IReadOnlyDictionary<string, ulong> Defines { get; }

    /// <summary>Enumerations with their members; one without a name is "".</summary>
    public List<(string Name, List<(string Name, ulong Value)> Members)> Enums { get; } = [];

    public List<HeaderStruct> Structs { get; } = [];

    /// <summary><c>VMI_CAN_RUN</c> without what all members of an enumeration begin with, as C# writes it.</summary>
    public static string Pascal(string name)
    {
        var result = new StringBuilder();
        foreach (string word in name.Split('_', StringSplitOptions.RemoveEmptyEntries))
            result.Append(char.ToUpperInvariant(word[0])).Append(word[1..].ToLowerInvariant());
        return result.ToString();
    }

    private HeaderStruct Layout(string name, string body)
    {
        var fields = new List<HeaderField>();
        int at = 0;
        foreach (string declaration in body.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            Match match = Declaration().Match(declaration);
            Assert.True(match.Success, declaration);
            int width = int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) / 8;
            foreach (string declarator in match.Groups[2].Value.Split(',', StringSplitOptions.TrimEntries))
            {
                Match array = Declarator().Match(declarator);
                int count = array.Groups[2].Success ? (int)Number(array.Groups[2].Value) : 1;
                // Without holes: each field is as aligned as C wants it.
                Assert.True(at % width == 0, $"{name}.{declarator}");
                fields.Add(new HeaderField(array.Groups[1].Value, at, width * count));
                at += width * count;
            }
        }
        return new HeaderStruct(name, at, fields);
    }

    private ulong Number(string text)
    {
        string[] shifted = text.Split("<<", StringSplitOptions.TrimEntries);
        if (shifted.Length == 2)
            return Number(shifted[0]) << (int)Number(shifted[1]);
        if (_numbers.TryGetValue(text, out ulong known))
            return known;
        string digits = text.TrimEnd('u', 'l', 'U', 'L');
        return digits.StartsWith("0x", StringComparison.Ordinal)
            ? ulong.Parse(digits[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            : ulong.Parse(digits, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"^#define (VMI_\w+)[ ]+(\S+)", RegexOptions.Multiline)]
    private static partial Regex Define();

    [GeneratedRegex(@"enum (\w*)\s*\{(.*?)\};", RegexOptions.Singleline)]
    private static partial Regex EnumText();

    [GeneratedRegex(@"struct (\w+)\s*\{(.*?)\};", RegexOptions.Singleline)]
    private static partial Regex StructText();

    [GeneratedRegex(@"^u?int(8|16|32|64)_t\s+(.*)$", RegexOptions.Singleline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^(\w+)(?:\[(\w+)\])?$")]
    private static partial Regex Declarator();
}
