using System.Collections.Immutable;

namespace VmiPl.Language.Tables;

/// <summary>Every diagnostic that reading and checking a script can yield: VMI1xxx for the text, VMI2xxx for its meaning. A number never
/// changes its meaning and is never given to something else.</summary>
public static class DiagnosticIds
{
#pragma warning disable CS1591 // each says what it is in its own message
    // The file.
    public static readonly DiagnosticDescriptor FileNotFound = Error("VMI1001", "There is no file '{0}'.");
    public static readonly DiagnosticDescriptor FileNotAllowed = Error("VMI1002", "This user has no permission to read the file '{0}'.");
    public static readonly DiagnosticDescriptor FileIsDirectory = Error("VMI1003", "'{0}' is a directory, not a script.");
    public static readonly DiagnosticDescriptor ScriptTooLarge = Error("VMI1004", "The script has more than {0} MiB; that is too much.");
    public static readonly DiagnosticDescriptor FileNotUtf8 = Error("VMI1005", "The file '{0}' is not UTF-8 text: byte {1} is not part of a character.");
    public static readonly DiagnosticDescriptor FileUnreadable = Error("VMI1006", "The file '{0}' could not be read: {1}.");

    // Characters.
    public static readonly DiagnosticDescriptor UnexpectedCharacter = Error("VMI1010", "The language has no use for {0} here.");
    public static readonly DiagnosticDescriptor UnterminatedString = Error("VMI1011", "The text that begins with this `\"` does not end on its line.");
    public static readonly DiagnosticDescriptor UnterminatedComment = Error("VMI1012", "The comment that begins here never ends.");
    public static readonly DiagnosticDescriptor UnknownEscape = Error("VMI1013", "`{0}` means nothing in a quoted text.");
    public static readonly DiagnosticDescriptor StreamWithoutName = Error("VMI1014", "A stream's name is missing after `#`.");

    // Syntax.
    public static readonly DiagnosticDescriptor MissingComma = Error("VMI1020", "A comma is missing before {0}.");
    public static readonly DiagnosticDescriptor MissingValue = Error("VMI1021", "A value is missing before {0}.");
    public static readonly DiagnosticDescriptor MissingClosingParenthesis = Error("VMI1022", "The `(` of `{0}` is not closed.");
    public static readonly DiagnosticDescriptor MissingOpeningParenthesis = Error("VMI1023", "The arguments of `{0}` do not stand in parentheses.");
    public static readonly DiagnosticDescriptor MissingColon = Error("VMI1024", "A colon is missing between `{0}` and its value.");
    public static readonly DiagnosticDescriptor BlockNotClosed = Error("VMI1025", "The block that `{0}` opens with this `{{` is not closed.");
    public static readonly DiagnosticDescriptor NothingToClose = Error("VMI1026", "There is no open block that this `}}` could close.");
    public static readonly DiagnosticDescriptor MissingOpeningBrace = Error("VMI1027", "The `{{` that begins the body of `{0}` is missing.");
    public static readonly DiagnosticDescriptor UnexpectedText = Error("VMI1028", "{0} cannot stand here.");
    public static readonly DiagnosticDescriptor TooDeep = Error("VMI1030", "Blocks are nested more than {0} deep.");
    public static readonly DiagnosticDescriptor TooManyDiagnostics = Error("VMI1031", "There are more than {0} things to say about this script; the rest is left out.");

    // Names and places.
    public static readonly DiagnosticDescriptor UnknownName = Error("VMI2001", "There is no probe, filter or instruction `{0}`.");
    public static readonly DiagnosticDescriptor ReservedName = Error("VMI2002", "`{0}` is reserved for a later version of the language.");
    public static readonly DiagnosticDescriptor WrongPlace = Error("VMI2003", "{0} `{1}` cannot stand {2}.");
    public static readonly DiagnosticDescriptor MissingBody = Error("VMI2004", "`{0}` needs a body in braces.");
    public static readonly DiagnosticDescriptor UnexpectedBody = Error("VMI2005", "`{0}` takes no body in braces.");
    public static readonly DiagnosticDescriptor SettingOutsideConfiguration = Error("VMI2006", "`{0}: {1}` is a line of a Configuration and cannot stand here.");
    public static readonly DiagnosticDescriptor NoSetting = Error("VMI2007", "`{0}` cannot stand in a Configuration, which holds lines of the form `key: value` only.");
    public static readonly DiagnosticDescriptor FilterOutsideProbe = Error("VMI2008", "The filter `{0}` stands outside an event probe, where there is no event to filter.");

    // Arguments.
    public static readonly DiagnosticDescriptor ArgumentCount = Error("VMI2010", "`{0}` takes {1}; {2}.");
    public static readonly DiagnosticDescriptor WrongKind = Error("VMI2011", "{0} cannot be the {1} of `{2}`, which is {3}.");
    public static readonly DiagnosticDescriptor NumberTooLarge = Error("VMI2012", "The number {0} has more than 64 bits.");
    public static readonly DiagnosticDescriptor OutOfRange = Error("VMI2013", "The {0} of `{1}` is {2}; {3} is not.");
    public static readonly DiagnosticDescriptor ValueDoesNotFit = Error("VMI2014", "The value {0} does not fit into {1}.");
    public static readonly DiagnosticDescriptor UnknownRegister = Error("VMI2015", "There is no register `{0}`.");
    public static readonly DiagnosticDescriptor UnknownProcessField = Error("VMI2016", "There is no process field `{0}`.");
    public static readonly DiagnosticDescriptor UnknownVmcsField = Error("VMI2017", "There is no VMCS field `{0}`.");
    public static readonly DiagnosticDescriptor RefusedVmcsField = Error("VMI2018", "`{0}` cannot be read: {1}.");
    public static readonly DiagnosticDescriptor UnknownMsr = Error("VMI2019", "There is no model specific register `{0}` known by that name.");
    public static readonly DiagnosticDescriptor DuplicateField = Error("VMI2020", "The field `{0}` stands here twice.");
    public static readonly DiagnosticDescriptor BadMacAddress = Error("VMI2021", "`{0}` is not a MAC address.");
    public static readonly DiagnosticDescriptor BadProcessName = Error("VMI2022", "No process can have the name \"{0}\": {1}.");
    public static readonly DiagnosticDescriptor BadOutput = Error("VMI2023", "{0} is not an output.");
    public static readonly DiagnosticDescriptor RegisterAsAddress = Error("VMI2024", "The register `{0}` cannot stand where `{1}` takes an address.");

    // Labels and ids.
    public static readonly DiagnosticDescriptor DuplicateLabel = Error("VMI2030", "The label `{0}` is given twice; it was given first on line {1}.");
    public static readonly DiagnosticDescriptor LabelIsNumber = Error("VMI2031", "A label cannot be a number, because numbers are the probes' ids: `{0}`.");
    public static readonly DiagnosticDescriptor LabelIsKeyword = Error("VMI2032", "A label cannot be a word of the language: `{0}`.");
    public static readonly DiagnosticDescriptor LabelNotAllowed = Error("VMI2033", "`{0}` cannot have a label: only event probes and stream probes can.");
    public static readonly DiagnosticDescriptor UnknownProbeId = Error("VMI2040", "There is no probe with the id {0}; this script has {1}.");
    public static readonly DiagnosticDescriptor UnknownLabel = Error("VMI2041", "There is no probe with the label `{0}`.");
    public static readonly DiagnosticDescriptor StreamProbeReconfigured = Error("VMI2042", "The probe `{0}` is a stream probe; only event probes can be reconfigured.");
    public static readonly DiagnosticDescriptor ReconfigureBesideProbes = Error("VMI2043", "`Reconfigure` stands at the top level of a script that has probes of its own.");

    // Configuration.
    public static readonly DiagnosticDescriptor SecondConfiguration = Error("VMI2050", "A script can have one Configuration; the first is on line {0}.");
    public static readonly DiagnosticDescriptor UnknownKey = Error("VMI2051", "A Configuration has no key `{0}`.");
    public static readonly DiagnosticDescriptor DuplicateKey = Error("VMI2052", "The key `{0}` is given twice; it was given first on line {1}.");
    public static readonly DiagnosticDescriptor BadKeyValue = Error("VMI2053", "The value of `{0}` is {1}; {2} is not.");

    // The script as a whole.
    public static readonly DiagnosticDescriptor TooManyWatchpoints = Error("VMI2060", "This is the fifth hardware watchpoint: a processor can watch {0} addresses for reads and writes.");

    // Warnings.
    public static readonly DiagnosticDescriptor EmptyBody = Warning("VMI2090", "The body of `{0}` is empty: nothing happens there.");
    public static readonly DiagnosticDescriptor NoPcap = Warning("VMI2091", "Records of `{0}` are written to '{1}', but they are no network frames: the file will not be a pcap file.");
    public static readonly DiagnosticDescriptor WordAsFile = Warning("VMI2092", "Records of `{0}` are written to a file named '{1}' in the current folder.");
#pragma warning restore CS1591

    /// <summary>All of them, by number.</summary>
    public static ImmutableArray<DiagnosticDescriptor> All { get; } = DiagnosticDescriptor.AllOf(typeof(DiagnosticIds));

    private static DiagnosticDescriptor Error(string id, string format) => new(id, DiagnosticSeverity.Error, format);

    private static DiagnosticDescriptor Warning(string id, string format) => new(id, DiagnosticSeverity.Warning, format);
}
