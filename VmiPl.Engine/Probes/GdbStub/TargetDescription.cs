using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using VmiPl.Errors;

namespace VmiPl.Probes.GdbStub;

/// <summary>Where each register stands in the stub's answers, by its name: from the target description that the stub sends (GDB manual, appendix G
/// "Target Descriptions"), never by numbers known beforehand. Immutable.</summary>
internal sealed class TargetDescription
{
    // QEMU's has about 60 registers; AVX-512 and others may come.
    private const int MaxRegisters = 1024;
    private readonly Dictionary<string, TargetRegister> _registers = new(StringComparer.Ordinal);

    /// <summary>Reads a description. <paramref name="document"/> gives the text of a document of that name, <c>target.xml</c> and what it includes.
    /// Throws <c>MonitorProtocol</c> where it can't be understood.</summary>
    public TargetDescription(Func<string, string> document)
    {
        List<XElement> elements = [.. Elements("target.xml", document, depth: 0)];
        if (elements.Count is 0 or > MaxRegisters)
            throw Violation($"a target description with {elements.Count} registers");
        int next = 0;
        var numbered = new SortedDictionary<int, (string Name, int Size)>();
        foreach (XElement element in elements)
        {
            int number = Number(element, "regnum") ?? next;
            string? name = element.Attribute("name")?.Value;
            if (name is null || Number(element, "bitsize") is not { } bits || bits is <= 0 or > 4096 || bits % 8 != 0 || !numbered.TryAdd(number, (name, bits / 8)))
                throw Violation("a register in the target description that has no name or size");
            next = number + 1;
        }
        int offset = 0;
        foreach ((int number, (string name, int size)) in numbered)
        {
            _registers[name] = new TargetRegister(number, offset, size);
            offset += size;
        }
    }

    /// <summary>A register, or null where the stub does not show it.</summary>
    public TargetRegister? Find(string name) => _registers.TryGetValue(name, out TargetRegister register) ? register : null;

    private static IEnumerable<XElement> Elements(string name, Func<string, string> document, int depth)
    {
        if (depth > 4)
            throw Violation("a target description that includes itself");
        XElement root;
        try
        {
            // QEMU uses the prefix of inclusions without declaring it.
            var names = new XmlNamespaceManager(new NameTable());
            names.AddNamespace("xi", "http://www.w3.org/2001/XInclude");
            var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore, XmlResolver = null, MaxCharactersInDocument = 1 << 20, NameTable = names.NameTable };
            using XmlReader reader = XmlReader.Create(new StringReader(document(name)), settings, new XmlParserContext(names.NameTable, names, null, XmlSpace.None));
            root = XElement.Load(reader);
        }
        catch (XmlException e)
        {
            throw Violation($"a target description that is no XML ({e.Message})");
        }
        foreach (XElement element in root.DescendantsAndSelf())
        {
            if (element.Name.LocalName == "reg")
                yield return element;
            else if (element.Name.LocalName == "include" && element.Attribute("href")?.Value is { } included)
            {
                foreach (XElement inner in Elements(included, document, depth + 1))
                    yield return inner;
            }
        }
    }

    private static int? Number(XElement element, string attribute) =>
        int.TryParse(element.Attribute(attribute)?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : null;

    private static VmiException Violation(string what) => new(VmiErrorCode.MonitorProtocol, $"QEMU's gdbstub broke its protocol: {what}.");
}

/// <summary>A register in the stub's answers: its number, its offset in the answer to <c>g</c> and its size, both in bytes.</summary>
internal readonly record struct TargetRegister(int Number, int Offset, int Size);
