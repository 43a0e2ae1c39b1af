using System.Globalization;
using System.Text;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Commands.Symbols;

/// <summary>A profile as a VMI-PL <c>Configuration</c> block. Keys whose value this kernel does not tell are left out.</summary>
internal static class ConfigurationBlock
{
    private const string Dispatcher = "SyscallDispatcherAddress", Head = "ProcessListHead";

    public static string Of(KernelProfile profile)
    {
        StringBuilder text = new("Configuration{\n");
        foreach (ProfileEntry entry in profile.Entries)
        {
            if (entry.Key == Head)
                Line(text, entry.Key, Hex(entry.Value));
            else if (entry.Key != Dispatcher)
                Line(text, entry.Key, entry.Value.ToString(CultureInfo.InvariantCulture));
        }
        Syscalls(text, profile);
        return text.Append('}').ToString();
    }

    /// <summary>The entry code itself: there the number is still in the register that the calling program put it in, whatever
    /// the kernel passes on to its dispatching function.</summary>
    private static void Syscalls(StringBuilder text, KernelProfile profile)
    {
        bool is64Bit = profile.PointerSize == 8;
        if (!profile.TryGetSymbol(is64Bit ? "entry_SYSCALL_64" : "entry_INT80_32", out GuestVirtualAddress entry))
            return;
        Line(text, Dispatcher, Hex(entry.Value));
        Line(text, "SyscallNumberLocation", is64Bit ? "RAX" : "EAX");
        if (!is64Bit)
            Line(text, "SyscallInterruptNumber", "128");
    }

    private static string Hex(ulong address) => string.Create(CultureInfo.InvariantCulture, $"0x{address:x}");

    private static void Line(StringBuilder text, string key, string value) =>
        text.Append("    ").Append(key).Append(": ").Append(value).Append('\n');
}
