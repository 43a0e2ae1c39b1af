using System.Globalization;
using System.Text.RegularExpressions;
using VmiPl.Linux.Syscalls;

namespace VmiPl.Tests.Linux.Syscalls;

public sealed partial class SyscallNamesTests
{
    private static readonly string[] HeaderFolders = ["/usr/include/x86_64-linux-gnu/asm", "/usr/include/asm", "/usr/include/i386-linux-gnu/asm"];

    [Theory]
    [InlineData(SyscallAbi.X64, "openat", 257)]
    [InlineData(SyscallAbi.I386, "openat", 295)]
    [InlineData(SyscallAbi.X64, "read", 0)]
    [InlineData(SyscallAbi.I386, "restart_syscall", 0)]
    public void A_name_has_the_number_of_its_abi(SyscallAbi abi, string name, int number)
    {
        Assert.Equal(number, SyscallNames.Of(abi).ByName[name]);
        Assert.Equal(name, SyscallNames.Of(abi).ByNumber[number]);
    }

    [Theory]
    [InlineData(SyscallAbi.X64)]
    [InlineData(SyscallAbi.I386)]
    public void A_list_says_where_it_is_from_and_names_each_call_once(SyscallAbi abi)
    {
        SyscallNames names = SyscallNames.Of(abi);
        Assert.Matches(@"^asm/unistd_(64|32)\.h of Linux \d+\.\d+", names.Origin);
        Assert.True(names.ByNumber.Count >= 380);
        Assert.Equal(names.ByNumber.Count, names.ByName.Count);
        Assert.All(names.ByName, pair => Assert.Matches("^[a-z_][a-z0-9_]*$", pair.Key));
    }

    [Fact]
    public void A_name_of_another_abi_alone_is_not_there() =>
        Assert.False(SyscallNames.Of(SyscallAbi.X64).ByName.ContainsKey("socketcall"));

    /// <summary>This machine's headers may be older or newer than those that the lists are from: what both know is the same.</summary>
    [Theory]
    [InlineData(SyscallAbi.X64, "unistd_64.h")]
    [InlineData(SyscallAbi.I386, "unistd_32.h")]
    public void What_this_machines_headers_know_too_is_the_same(SyscallAbi abi, string header)
    {
        string? path = HeaderFolders.Select(folder => Path.Combine(folder, header)).FirstOrDefault(File.Exists);
        Assert.SkipWhen(path is null, $"There is no asm/{header} here (Debian: linux-libc-dev).");
        Dictionary<int, string> here = Definition().Matches(File.ReadAllText(path!))
            .ToDictionary(match => int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture), match => match.Groups[1].Value);
        SyscallNames names = SyscallNames.Of(abi);

        string Text(IEnumerable<int> numbers, IReadOnlyDictionary<int, string> from) => string.Join(' ', numbers.Order().Select(number => $"{number}:{from[number]}"));
        TestContext.Current.TestOutputHelper?.WriteLine($"only in {path}: {Text(here.Keys.Except(names.ByNumber.Keys), here)}");
        TestContext.Current.TestOutputHelper?.WriteLine($"only in {names.Origin}: {Text(names.ByNumber.Keys.Except(here.Keys), names.ByNumber)}");
        int[] both = [.. here.Keys.Intersect(names.ByNumber.Keys)];
        Assert.True(both.Length > 300);
        Assert.Equal(Text(both, here), Text(both, names.ByNumber));
        Assert.All(here.Where(pair => names.ByName.ContainsKey(pair.Value)), pair => Assert.Equal(pair.Key, names.ByName[pair.Value]));
    }

    [GeneratedRegex(@"^#define\s+__NR_(\w+)\s+(\d+)\s*$", RegexOptions.Multiline)]
    private static partial Regex Definition();
}
