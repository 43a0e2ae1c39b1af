using VmiPl.Symbols;

namespace VmiPl.Linux.Syscalls;

/// <summary>Which of a kernel's symbols are handlers of system calls of one ABI, by address and by name.</summary>
internal sealed class HandlerSymbols
{
    // arch/x86/include/asm/syscall_wrapper.h; before 4.17 there were no wrappers, and SyS_ marks include/linux/syscalls.h's aliases.
    // Where several symbols stand at one address, the first of these names the call.
    private static readonly string[] X64Prefixes = ["__x64_sys_", "__x64_compat_sys_", "__x32_compat_sys_", "sys_", "SyS_", "stub_"];
    private static readonly string[] I386Prefixes =
        ["__ia32_compat_sys_", "__ia32_sys_", "compat_sys_", "compat_SyS_", "sys32_", "stub32_", "sys_", "SyS_"];

    private readonly Dictionary<ulong, (VmiSymbol Symbol, int Rank)> _byAddress = [];
    private readonly Dictionary<string, (VmiSymbol Symbol, int Rank)> _byName = new(StringComparer.Ordinal);
    private readonly string[] _prefixes;

    public HandlerSymbols(ISymbolTable symbols, SyscallAbi abi)
    {
        _prefixes = abi == SyscallAbi.X64 ? X64Prefixes : I386Prefixes;
        foreach (VmiSymbol symbol in symbols.Enumerate())
        {
            int rank = Array.FindIndex(_prefixes, prefix => symbol.Name.StartsWith(prefix, StringComparison.Ordinal));
            if (rank < 0 || symbol.Type is not ('T' or 't' or 'W' or 'w'))
                continue;
            if (!_byAddress.TryGetValue(symbol.Address, out var there) || rank < there.Rank)
                _byAddress[symbol.Address] = (symbol, rank);
            string name = symbol.Name[_prefixes[rank].Length..];
            if (!_byName.TryGetValue(name, out there) || rank < there.Rank)
                _byName[name] = (symbol, rank);
        }
    }

    /// <summary>The handler at an address, or null.</summary>
    public VmiSymbol? At(ulong address) => _byAddress.TryGetValue(address, out var found) ? found.Symbol : null;

    /// <summary>The handler of a call, by the name that the kernel's sources have for it, or null.</summary>
    public VmiSymbol? Named(string name) => _byName.TryGetValue(name, out var found) ? found.Symbol : null;

    /// <summary>Whether the handler of a call stands at an address.</summary>
    public bool IsNamed(ulong address, string name) => At(address) is { } symbol && CallOf(symbol) == name;

    /// <summary>A handler's symbol without its prefix.</summary>
    public string CallOf(VmiSymbol symbol)
    {
        foreach (string prefix in _prefixes)
        {
            if (symbol.Name.StartsWith(prefix, StringComparison.Ordinal))
                return symbol.Name[prefix.Length..];
        }
        return symbol.Name;
    }

    /// <summary>Whether a handler only says that there is no such call: <c>sys_ni_syscall</c>, or the weak stand-in of a call that the kernel
    /// was built without (COND_SYSCALL).</summary>
    public bool IsStandIn(VmiSymbol symbol) => symbol.Type is 'W' or 'w' || CallOf(symbol) == "ni_syscall";
}
