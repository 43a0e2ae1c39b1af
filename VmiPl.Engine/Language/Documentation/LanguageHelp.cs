using System.Globalization;
using VmiPl.Language.Checking;
using VmiPl.Language.Model;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Documentation;

/// <summary>Makes the help page about_VmiPl_Language from the tables that scripts are checked against, so that it cannot say something else.</summary>
internal static class LanguageHelp
{
    private const int MsrWidth = 24;

    /// <summary>The page; lines end with a line feed.</summary>
    public static string Text()
    {
        var page = new HelpPage();
        page.Section("TOPIC");
        page.Line("about_VmiPl_Language", 4);
        page.Section("SHORT DESCRIPTION");
        page.Line("The words of VMI-PL scripts: what to watch in a guest, and what to record.", 4);
        page.Section("LONG DESCRIPTION");
        LanguageGuide.Introduce(page);
        Constructs(page, "Event probes", ConstructKind.EventProbe, "When something happens in the guest, what stands in the braces is done.");
        LanguageGuide.Events(page);
        Constructs(page, "Data probes", ConstructKind.DataProbe,
            "They stand in the braces of an event probe or filter, run in the order written, and see one and the same stopped vCPU.");
        LanguageGuide.Data(page);
        Constructs(page, "Filters", ConstructKind.Filter, "What stands in their braces is done only where they are true.");
        LanguageGuide.Filters(page);
        Constructs(page, "Instructions", ConstructKind.Instruction, "They stand where data probes stand.");
        LanguageGuide.Reconfiguration(page);
        Constructs(page, "Stream probes", ConstructKind.StreamProbe, "They stand outside all braces and record all the time.");
        Constructs(page, "Configuration", ConstructKind.Block, "What a script says of a guest that does not tell it by itself.");
        Keys(page);
        page.Heading("Registers");
        page.Paragraph(string.Join(' ', RegisterTable.Names));
        page.Paragraph("On a 64-bit guest EAX and the like are the low 32 bits of RAX and the like; a 32-bit guest has no RAX and no R8.");
        Fields(page);
        Msrs(page);
        page.Heading("Reserved words");
        page.Paragraph($"A later version of the language will give them a meaning: {string.Join(", ", ReservedNames.All)}.");
        Limits(page);
        page.Section("SEE ALSO");
        foreach (string topic in (ReadOnlySpan<string>)["about_VmiPl", "Test-VmiScript", "Get-VmiSymbol", "Get-VmiProcessList"])
            page.Line(topic, 4);
        return page.ToString();
    }

    private static void Constructs(HelpPage page, string title, ConstructKind kind, string introduction)
    {
        page.Heading(title);
        page.Paragraph(introduction);
        foreach (Construct construct in ConstructTable.All.Where(construct => construct.Kind == kind))
        {
            page.Paragraph(construct.Signature + construct.Body switch { BodyUse.Required => "{ … }", BodyUse.Optional => "[{ … }]", _ => "" });
            string addition = construct.IsPublished ? "" : " An addition of VmiPl.";
            page.Line($"{construct.Summary}{(construct.Remarks.Length > 0 ? " " : "")}{construct.Remarks}{addition}", 8);
            int width = construct.Parameters.Select(parameter => parameter.Name.Length).DefaultIfEmpty().Max();
            foreach (ConstructParameter parameter in construct.Parameters)
                page.Term(parameter.Name, width, parameter.Description, 10);
            page.Gap();
            page.Code(construct.Example, 12);
        }
    }

    private static void Keys(HelpPage page)
    {
        page.Gap();
        int width = ConfigurationKeyTable.All.Max(key => key.Name.Length);
        foreach (ConfigurationKeyDefinition key in ConfigurationKeyTable.All)
            page.Term(key.Name, width, key.Description, 8);
    }

    private static void Fields(HelpPage page)
    {
        page.Heading("Fields of ProcessList");
        foreach (string name in ProcessFieldTable.Names)
            page.Term(name, 4, ProcessFieldTable.ByName[name].Description);
        page.Heading("Fields of ReadVMCS");
        page.Line($"{string.Join(", ", VmcsFieldTable.Given.OrderBy(field => field.Value).Select(field => field.Key))}.", 4);
        foreach (IGrouping<string, string> refused in VmcsFieldTable.Refused.GroupBy(field => field.Value, field => field.Key))
            page.Paragraph($"Refused: {string.Join(", ", refused.Order(StringComparer.Ordinal))}: {refused.Key}.");
    }

    private static void Msrs(HelpPage page)
    {
        page.Heading("Model specific registers");
        page.Line("By number, or by name; LSTAR and MSR_LSTAR are IA32_LSTAR.", 4);
        page.Gap();
        foreach (string name in MsrTable.Names)
            page.Term(name, MsrWidth, string.Create(CultureInfo.InvariantCulture, $"0x{MsrTable.ByName[name]:x}"), 8);
    }

    private static void Limits(HelpPage page)
    {
        page.Heading("Limits");
        page.Line($"A vCPU has {WatchpointPass.MaxWatchpoints} hardware watchpoints; each ReadAt and each WriteAt takes one.", 4);
        page.Paragraph($"One read is of {ParameterPhrases.MaxByteCount / 1024} KiB at most, a script of {ScriptParser.MaxMegaCharacters} MiB.");
        page.Paragraph($"A process's name has {ParameterPhrases.MaxProcessName} bytes, as the kernel keeps no more. The stream of an output left out is #{Output.DefaultStream}.");
    }
}
