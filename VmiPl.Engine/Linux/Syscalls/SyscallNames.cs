using System.Collections.Frozen;
using System.Globalization;

namespace VmiPl.Linux.Syscalls;

/// <summary>Names and numbers of system calls as the kernel's own headers give them (<c>asm/unistd_64.h</c>, <c>asm/unistd_32.h</c>). The
/// lists beside this file are generated: <c>./build.sh syscalls</c>.</summary>
public sealed class SyscallNames
{
    private static readonly Lazy<SyscallNames> X64 = new(() => Load("syscalls-x86_64.txt"));
    private static readonly Lazy<SyscallNames> I386 = new(() => Load("syscalls-i386.txt"));

    private SyscallNames(string origin, FrozenDictionary<int, string> byNumber, FrozenDictionary<string, int> byName)
    {
        Origin = origin;
        ByNumber = byNumber;
        ByName = byName;
    }

    /// <summary>The header that the list was made from, with its version.</summary>
    public string Origin { get; }

    /// <summary>The names. Numbers have gaps.</summary>
    public IReadOnlyDictionary<int, string> ByNumber { get; }

    /// <summary>The numbers. Names are in lower case, as in the kernel.</summary>
    public IReadOnlyDictionary<string, int> ByName { get; }

    /// <summary>The list of an ABI. Safe from any thread.</summary>
    public static SyscallNames Of(SyscallAbi abi) => (abi == SyscallAbi.X64 ? X64 : I386).Value;

    private static SyscallNames Load(string resource)
    {
        using Stream stream = typeof(SyscallNames).Assembly.GetManifestResourceStream($"{typeof(SyscallNames).Namespace}.{resource}")!;
        using var reader = new StreamReader(stream);
        string origin = reader.ReadLine()!.TrimStart('#', ' ');
        var byNumber = new Dictionary<int, string>();
        while (reader.ReadLine() is { } line)
        {
            int space = line.IndexOf(' ', StringComparison.Ordinal);
            byNumber.Add(int.Parse(line.AsSpan(0, space), CultureInfo.InvariantCulture), line[(space + 1)..]);
        }
        return new SyscallNames(origin, byNumber.ToFrozenDictionary(), byNumber.ToFrozenDictionary(pair => pair.Value, pair => pair.Key, StringComparer.Ordinal));
    }
}
