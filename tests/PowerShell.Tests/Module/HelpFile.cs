using System.Xml.Linq;

namespace VmiPl.Tests.Module;

/// <summary>The module's help as it is shipped.</summary>
internal static class HelpFile
{
    private static readonly XNamespace Maml = "http://schemas.microsoft.com/maml/2004/10";
    private static readonly XNamespace Command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    private static readonly XNamespace Dev = "http://schemas.microsoft.com/maml/dev/2004/10";

    public static IReadOnlyList<HelpCommand> Read()
    {
        XDocument file = XDocument.Load(Path.Combine(ModuleSession.Folder, "en-US", "VmiPl.PowerShell.dll-Help.xml"));
        return [.. file.Root!.Elements(Command + "command").Select(command => new HelpCommand(
            command.Element(Command + "details")!.Element(Command + "name")!.Value,
            command.Element(Command + "details")!.Element(Maml + "description")!.Value,
            command.Element(Maml + "description")!.Value,
            [.. command.Element(Command + "parameters")!.Elements(Command + "parameter").Select(Parameter)],
            [.. command.Element(Command + "syntax")!.Elements(Command + "syntaxItem").Select(item => (IReadOnlyList<string>)[.. item.Elements(Command + "parameter").Select(parameter => Parameter(parameter).Name)])],
            [.. command.Element(Command + "examples")!.Elements(Command + "example").Select(example => example.Element(Dev + "code")!.Value)],
            command.Element(Command + "inputTypes")!.Elements().Count(),
            command.Element(Command + "returnValues")!.Elements().Count()))];
    }

    private static HelpParameter Parameter(XElement element) => new(
        element.Element(Maml + "name")!.Value,
        element.Element(Maml + "description")!.Value,
        element.Element(Dev + "type")!.Value,
        (bool)element.Attribute("required")!,
        (bool)element.Attribute("globbing")!,
        element.Attribute("position")!.Value,
        element.Attribute("pipelineInput")!.Value,
        element.Attribute("aliases")!.Value);
}

internal sealed record HelpCommand(
    string Name, string Synopsis, string Description, IReadOnlyList<HelpParameter> Parameters, IReadOnlyList<IReadOnlyList<string>> Syntax,
    IReadOnlyList<string> Examples, int Inputs, int Outputs);

internal sealed record HelpParameter(
    string Name, string Description, string Type, bool IsRequired, bool TakesWildcards, string Position, string PipelineInput, string Aliases);
