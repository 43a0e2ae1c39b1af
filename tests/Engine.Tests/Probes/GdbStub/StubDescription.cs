using System.Buffers.Binary;
using System.Globalization;

namespace VmiPl.Tests.Probes.GdbStub;

/// <summary>The registers of an x86 vCPU as QEMU describes them (gdb-xml/i386-64bit.xml and i386-32bit.xml): the first one with a number, the others
/// in their order behind it, in a document of their own that <c>target.xml</c> includes by a prefix that nothing declares.</summary>
internal sealed record StubDescription(params (string Name, int Bits)[] Registers)
{
    private static readonly string[] Control = ["fs_base", "gs_base", "k_gs_base", "cr0", "cr2", "cr3", "cr4", "cr8", "efer"];

    public static readonly StubDescription Long = new(
    [
        .. Wide(64, "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip"),
        .. Wide(32, "eflags", "cs", "ss", "ds", "es", "fs", "gs"), .. Wide(64, Control), .. Float(16),
    ]);

    public static readonly StubDescription Protected = new(
    [
        .. Wide(32, "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip", "eflags", "cs", "ss", "ds", "es", "fs", "gs"), .. Wide(32, Control), .. Float(8),
    ]);

    /// <summary>The documents, by name.</summary>
    public string Document(string name) => name switch
    {
        "target.xml" => """
            <?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><architecture>i386:x86-64</architecture><xi:include href="i386.xml"/></target>
            """,
        "i386.xml" => $"""
            <?xml version="1.0"?>
            <!-- What follows is as QEMU has it. -->
            <!DOCTYPE feature SYSTEM "gdb-target.dtd">
            <feature name="org.gnu.gdb.i386.core">
              <flags id="x64_eflags" size="4"><field name="TF" start="8" end="8"/></flags>
              {string.Join("\n  ", Registers.Select((register, i) => $"<reg name=\"{register.Name}\" bitsize=\"{register.Bits}\" type=\"int\"{(i == 0 ? " regnum=\"0\"" : "")}/>"))}
            </feature>
            """,
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    /// <summary>The answer to <c>g</c>. Registers without a value are 0.</summary>
    public string Answer(IReadOnlyDictionary<string, ulong> values) => string.Concat(Registers.Select(register =>
    {
        byte[] bytes = new byte[Math.Max(8, register.Bits / 8)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, values.GetValueOrDefault(register.Name));
        return Convert.ToHexStringLower(bytes.AsSpan(0, register.Bits / 8));
    }));

    private static IEnumerable<(string, int)> Wide(int bits, params string[] names) => names.Select(name => (name, bits));

    private static IEnumerable<(string, int)> Float(int vectors) =>
    [
        .. Enumerable.Range(0, 8).Select(i => (string.Create(CultureInfo.InvariantCulture, $"st{i}"), 80)),
        .. Wide(32, "fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"),
        .. Enumerable.Range(0, vectors).Select(i => (string.Create(CultureInfo.InvariantCulture, $"xmm{i}"), 128)), ("mxcsr", 32),
    ];
}
