using System.Globalization;
using System.Text.RegularExpressions;

namespace VmiPl.Machines;

/// <summary>Reads QEMU's <c>info registers -a</c> (target/i386/cpu-dump.c). Seen in QEMU 7.2, 10.0 and 11.1, under TCG, in real,
/// 32-bit and 64-bit mode: <c>CPU#n</c>, then <c>RAX=…</c> or <c>EAX=…</c>, segments as <c>CS =0010 base limit flags</c>,
/// <c>GDT=     base limit</c>, <c>CR0=…</c>, <c>EFER=…</c>. What is missing stays 0; other architectures give nothing.</summary>
internal static partial class RegisterText
{
    private const int MaxVcpus = 8192;
    private const ulong LongModeActive = 1UL << 10, LongCode = 1UL << 21;   // EFER.LMA; L of the segment flags as QEMU prints them

    /// <summary>The vCPUs in a text, in its order. Never throws.</summary>
    public static IReadOnlyList<VcpuRegisters> Parse(string text, string machine)
    {
        MatchCollection headers = Header().Matches(text);
        var vcpus = new List<VcpuRegisters>();
        for (int i = 0; i < Math.Min(headers.Count, MaxVcpus); i++)
        {
            int start = headers[i].Index, end = i + 1 < headers.Count ? headers[i + 1].Index : text.Length;
            if (int.TryParse(headers[i].Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int index)
                && ParseOne(text[start..end], machine, index) is { } vcpu)
                vcpus.Add(vcpu);
        }
        return vcpus;
    }

    private static VcpuRegisters? ParseOne(string text, string machine, int index)
    {
        var values = new Dictionary<string, ulong>(StringComparer.Ordinal);
        foreach (Match match in Pair().Matches(text))
            values.TryAdd(match.Groups[1].Value, Hex(match.Groups[2].Value));
        var segments = new Dictionary<string, ulong[]>(StringComparer.Ordinal);
        foreach (Match match in Segment().Matches(text))
            segments.TryAdd(match.Groups[1].Value, [.. match.Groups[2].Captures.Select(c => Hex(c.Value))]);
        if (!values.ContainsKey("CR3") || !(values.ContainsKey("RIP") || values.ContainsKey("EIP")))
            return null;

        ulong General(string name) => values.TryGetValue("R" + name, out ulong wide) ? wide : values.GetValueOrDefault("E" + name);
        ulong Field(string segment, int field) => segments.TryGetValue(segment, out ulong[]? fields) && field < fields.Length ? fields[field] : 0;
        ulong efer = values.GetValueOrDefault("EFER");
        return new VcpuRegisters
        {
            Machine = machine,
            Vcpu = index,
            Is64Bit = (efer & LongModeActive) != 0 && (Field("CS", 3) & LongCode) != 0,
            Cpl = (int)(values.TryGetValue("CPL", out ulong level) ? level & 3 : Field("CS", 0) & 3),
            Rax = General("AX"), Rbx = General("BX"), Rcx = General("CX"), Rdx = General("DX"),
            Rsi = General("SI"), Rdi = General("DI"), Rbp = General("BP"), Rsp = General("SP"),
            R8 = values.GetValueOrDefault("R8"), R9 = values.GetValueOrDefault("R9"),
            R10 = values.GetValueOrDefault("R10"), R11 = values.GetValueOrDefault("R11"),
            R12 = values.GetValueOrDefault("R12"), R13 = values.GetValueOrDefault("R13"),
            R14 = values.GetValueOrDefault("R14"), R15 = values.GetValueOrDefault("R15"),
            Rip = General("IP"), Rflags = General("FL"),
            Cs = (ushort)Field("CS", 0), Ss = (ushort)Field("SS", 0), Ds = (ushort)Field("DS", 0), Es = (ushort)Field("ES", 0),
            Fs = (ushort)Field("FS", 0), Gs = (ushort)Field("GS", 0), FsBase = Field("FS", 1), GsBase = Field("GS", 1),
            Ldt = (ushort)Field("LDT", 0), Tr = (ushort)Field("TR", 0),
            GdtBase = Field("GDT", 0), GdtLimit = (ushort)Field("GDT", 1), IdtBase = Field("IDT", 0), IdtLimit = (ushort)Field("IDT", 1),
            Cr0 = values.GetValueOrDefault("CR0"), Cr2 = values.GetValueOrDefault("CR2"),
            Cr3 = values.GetValueOrDefault("CR3"), Cr4 = values.GetValueOrDefault("CR4"),
            Efer = efer,
        };
    }

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^CPU#([0-9]{1,9})\b", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Header();

    // One register: a name, at most one blank (R8 =), its value.
    [GeneratedRegex(@"\b([RE][A-Z0-9]{1,4}|R[0-9]{1,2}|CR[0-8]|CPL) ?=([0-9a-f]{1,16})\b", RegexOptions.CultureInvariant)]
    private static partial Regex Pair();

    [GeneratedRegex(@"^([C-GS]S|LDT|TR|GDT|IDT) ?=(?: *\b([0-9a-f]{4,16})\b)+", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Segment();
}
