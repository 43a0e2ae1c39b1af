using System.Text.Json;
using System.Text.RegularExpressions;
using VmiPl.Language.Documentation;
using VmiPl.Language.Tables;
using VmiPl.Tests.Repository;

namespace VmiPl.Tests.Language;

/// <summary>Holds the files that are made from the language's tables: <c>./build.sh languagefiles</c> makes them anew.</summary>
public sealed class LanguageFilesTests
{
    // Set by that command: the tests then write what they else compare.
    private const string Write = "VMIPL_WRITE_LANGUAGE_FILES";

    [Fact]
    public void The_help_page_is_what_the_tables_give() => Compare("en-US/about_VmiPl_Language.help.txt", LanguageHelp.Text());

    [Fact]
    public void The_editors_grammar_is_what_the_tables_give() => Compare("Editors/vmipl.tmLanguage.json", EditorGrammar.Text());

    [Fact]
    public void The_help_page_names_everything_and_fits_on_a_screen()
    {
        string text = LanguageHelp.Text();
        Assert.All(ConstructTable.All, construct => Assert.Contains($"\n    {construct.Signature}", text, StringComparison.Ordinal));
        IEnumerable<string> words =
        [
            .. ConfigurationKeyTable.All.Select(key => key.Name), .. RegisterTable.Names, .. ProcessFieldTable.Names,
            .. VmcsFieldTable.Given.Keys, .. VmcsFieldTable.Refused.Keys, .. MsrTable.Names, .. ReservedNames.All,
        ];
        Assert.All(words, word => Assert.Matches($@"\b{word}\b", text));
        Assert.All(text.Split('\n'), line => Assert.True(line.Length <= 80 && line.TrimEnd() == line, line));
    }

    [Theory]
    [InlineData("readregister", "support.function.data-probe.vmipl")]
    [InlineData("CRWrite", "entity.name.function.event-probe.vmipl")]
    [InlineData("RegisterHasValue", "keyword.control.filter.vmipl")]
    [InlineData("R10", "variable.language.register.vmipl")]
    [InlineData("0xC17cdfe0", "constant.numeric.vmipl")]
    [InlineData("00:16:35:AF:94:4B", "constant.other.mac-address.vmipl")]
    [InlineData("#web-01", "variable.other.stream.vmipl")]
    [InlineData("/tmp/a.pcap", "string.unquoted.path.vmipl")]
    [InlineData("// RAX", "comment.line.double-slash.vmipl")]
    [InlineData("Histogram", "invalid.illegal.reserved.vmipl")]
    [InlineData("do_exit", null)]
    [InlineData("RAX.part", null)]
    public void The_editors_grammar_colours_words(string word, string? scope)
    {
        using JsonDocument grammar = JsonDocument.Parse(EditorGrammar.Text());
        string? found = null;
        foreach (JsonElement pattern in grammar.RootElement.GetProperty("patterns").EnumerateArray())
        {
            if (found is null && pattern.TryGetProperty("match", out JsonElement match) && Regex.Match(word, match.GetString()!) is { Success: true, Index: 0 } hit && hit.Length == word.Length)
                found = pattern.GetProperty("name").GetString();
        }
        Assert.Equal(scope, found);
    }

    private static void Compare(string file, string text)
    {
        string path = Path.Combine(RepositoryFolder.Root, "VmiPl.PowerShell", file);
        if (Environment.GetEnvironmentVariable(Write) == "1")
            File.WriteAllText(path, text);
        Assert.True(File.Exists(path) && File.ReadAllText(path) == text, $"{path} is not what the language's tables give. Write it anew: ./build.sh languagefiles");
    }
}
