using System.Buffers;
using System.Globalization;
using System.Xml;
using VmiPl.Errors;

namespace VmiPl.Probes.GdbStub;

/// <summary>Where each register stands in the stub's answers, by its name: from the target description that the stub sends (GDB manual, appendix G
/// "Target Descriptions"), never by numbers known beforehand. Immutable.</summary>
internal sealed class TargetDescription
{
    // QEMU's has about 60 registers; AVX-512 and others may come.
    private const int MaxRegisters = 1024;

    // QEMU's are two to five, with short names and registers at the second level.
    private const int MaxDocuments = 16, MaxName = 64, MaxDepth = 16;
    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

    private readonly Dictionary<string, TargetRegister> _registers = new(StringComparer.Ordinal);

    /// <summary>Reads a description. <paramref name="document"/> gives the text of a document of that name, <c>target.xml</c> and what it includes.
    /// Throws <c>MonitorProtocol</c> where it can't be understood.</summary>
    public TargetDescription(Func<string, string> document)
    {
        int documents = 0;
        string Next(string name)
        {
            if (documents++ == MaxDocuments)
                throw Violation("a target description of too many documents");
            // It becomes part of a request.
            if (name.Length is 0 or > MaxName || name.AsSpan().ContainsAnyExcept(NameCharacters))
                throw Violation($"'{name[..Math.Min(name.Length, MaxName)]}' as a document of its target description");
            return document(name);
        }

        var registers = new List<(string? Name, int? Number, int? Bits)>();
        Collect("target.xml", Next, registers);
        if (registers.Count == 0)
            throw Violation("a target description with no registers");
        int next = 0;
        var numbered = new SortedDictionary<int, (string Name, int Size)>();
        foreach ((string? name, int? given, int? size) in registers)
        {
            int number = given ?? next;
            if (number < 0 || name is null || size is not { } bits || bits is <= 0 or > 4096 || bits % 8 != 0 || !numbered.TryAdd(number, (name, bits / 8)))
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

    /// <summary>Adds the registers of a document and of those that it includes, in the order of the text.</summary>
    private static void Collect(string name, Func<string, string> document, List<(string?, int?, int?)> registers)
    {
        // QEMU uses the prefix of inclusions without declaring it.
        var names = new XmlNamespaceManager(new NameTable());
        names.AddNamespace("xi", "http://www.w3.org/2001/XInclude");
        var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore, XmlResolver = null, MaxCharactersInDocument = 1 << 20, NameTable = names.NameTable };
        try
        {
            using XmlReader reader = XmlReader.Create(new StringReader(document(name)), settings, new XmlParserContext(names.NameTable, names, null, XmlSpace.None));
            while (reader.Read())
            {
                if (reader.Depth > MaxDepth)
                    throw Violation("a target description that is nested too deeply");
                if (reader.NodeType != XmlNodeType.Element)
                    continue;
                if (reader.LocalName == "include" && reader.GetAttribute("href") is { } included)
                    Collect(included, document, registers);
                else if (reader.LocalName == "reg")
                    registers.Add((reader.GetAttribute("name"), Number(reader, "regnum"), Number(reader, "bitsize")));
                if (registers.Count > MaxRegisters)
                    throw Violation("a target description with too many registers");
            }
        }
        catch (XmlException e)
        {
            throw Violation($"a target description that is no XML ({e.Message})");
        }
    }

    private static int? Number(XmlReader reader, string attribute) =>
        int.TryParse(reader.GetAttribute(attribute), NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : null;

    private static VmiException Violation(string what) => new(VmiErrorCode.MonitorProtocol, $"QEMU's gdbstub broke its protocol: {what}.");
}

/// <summary>A register in the stub's answers: its number, its offset in the answer to <c>g</c> and its size, both in bytes.</summary>
internal readonly record struct TargetRegister(int Number, int Offset, int Size);
