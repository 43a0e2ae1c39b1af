using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Documentation;

/// <summary>Makes the TextMate grammar by which editors colour scripts, from the tables that scripts are checked against. Its form is that of
/// the TextMate manual, "Language Grammars", in JSON.</summary>
internal static class EditorGrammar
{
    private static readonly JsonSerializerOptions Form =
        new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The grammar; lines end with a line feed.</summary>
    public static string Text()
    {
        var grammar = new Dictionary<string, object>
        {
            ["name"] = "VMI-PL",
            ["scopeName"] = "source.vmipl",
            ["fileTypes"] = (string[])["vmipl"],
            ["patterns"] = (object[])
            [
                Match("comment.line.double-slash.vmipl", "//.*$"),
                Range("comment.block.vmipl", "/\\*", "\\*/"),
                Range("string.quoted.double.vmipl", "\"", "\"|$", Match("constant.character.escape.vmipl", "\\\\.")),
                Match("variable.other.stream.vmipl", "#[\\w.$-]+"),
                Match("constant.other.mac-address.vmipl", "\\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\\b"),
                Match("string.unquoted.path.vmipl", "(?:[\\w.$~-]+)?/(?![/*])[^\\s,(){}\"]*"),
                Constructs("keyword.control.configuration.vmipl", ConstructKind.Block),
                Constructs("entity.name.function.event-probe.vmipl", ConstructKind.EventProbe),
                Constructs("support.function.data-probe.vmipl", ConstructKind.DataProbe),
                Constructs("keyword.control.filter.vmipl", ConstructKind.Filter),
                Constructs("keyword.control.instruction.vmipl", ConstructKind.Instruction),
                Constructs("entity.name.function.stream-probe.vmipl", ConstructKind.StreamProbe),
                Words("invalid.illegal.reserved.vmipl", ReservedNames.All),
                Words("support.variable.configuration.vmipl", ConfigurationKeyTable.All.Select(key => key.Name)),
                Words("variable.language.register.vmipl", RegisterTable.Names),
                Words("constant.language.field.vmipl", ProcessFieldTable.Names.Concat(VmcsFieldTable.Given.Keys)),
                Words("invalid.deprecated.field.vmipl", VmcsFieldTable.Refused.Keys),
                Words("constant.language.msr.vmipl", MsrTable.ByName.Keys),
                Match("constant.numeric.vmipl", "(?<![\\w.$])(?:0[xX][0-9A-Fa-f]+|[0-9]+)(?![\\w.$])"),
                Match("entity.name.label.vmipl", "(?<![\\w.$])[\\w.$]+(?=\\s*:)"),
            ],
        };
        return JsonSerializer.Serialize(grammar, Form) + "\n";
    }

    private static Dictionary<string, object> Match(string scope, string pattern) => new() { ["name"] = scope, ["match"] = pattern };

    private static Dictionary<string, object> Range(string scope, string begin, string end, params object[] inner)
    {
        var range = new Dictionary<string, object> { ["name"] = scope, ["begin"] = begin, ["end"] = end };
        if (inner.Length > 0)
            range["patterns"] = inner;
        return range;
    }

    private static Dictionary<string, object> Constructs(string scope, ConstructKind kind) =>
        Words(scope, ConstructTable.All.Where(construct => construct.Kind == kind).Select(construct => construct.Name));

    /// <summary>Whole words in any case; a word of the language goes on over dots and dollar signs.</summary>
    private static Dictionary<string, object> Words(string scope, IEnumerable<string> words) =>
        Match(scope, $"(?i)(?<![\\w.$])(?:{string.Join('|', words.Order(StringComparer.Ordinal).Select(Regex.Escape))})(?![\\w.$])");
}
