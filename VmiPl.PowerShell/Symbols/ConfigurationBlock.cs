using System.Globalization;
using System.Text;
using VmiPl.Symbols;

namespace VmiPl.Commands.Symbols;

/// <summary>A profile as a VMI-PL <c>Configuration</c> block. Keys whose value this kernel does not tell are left out.</summary>
internal static class ConfigurationBlock
{
    private const string Dispatcher = "SyscallDispatcherAddress", Head = "ProcessListHead";

    public static string Of(KernelProfile profile)
    {
        StringBuilder text = new("Configuration{\n");
        ulong? dispatcher = null;
        foreach (ProfileEntry entry in profile.Entries)
        {
            if (entry.Key == Dispatcher)
                dispatcher = entry.Value;
            else
                Line(text, entry.Key, entry.Key == Head ? Hex(entry.Value) : entry.Value.ToString(CultureInfo.InvariantCulture));
        }
        if (dispatcher is { } address)
            Syscalls(text, address, is64Bit: profile.PointerSize == 8);
        return text.Append('}').ToString();
    }

    private static void Syscalls(StringBuilder text, ulong dispatcher, bool is64Bit)
    {
        Line(text, Dispatcher, Hex(dispatcher));
        Line(text, "SyscallNumberLocation", is64Bit ? "RAX" : "EAX");
        if (!is64Bit)
            Line(text, "SyscallInterruptNumber", "128");
    }

    private static string Hex(ulong address) => string.Create(CultureInfo.InvariantCulture, $"0x{address:x}");

    private static void Line(StringBuilder text, string key, string value) =>
        text.Append("    ").Append(key).Append(": ").Append(value).Append('\n');
}
