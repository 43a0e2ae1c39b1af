using System.Management.Automation;
using VmiPl.Commands.Arguments;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Commands.Symbols;

/// <summary><c>Get-VmiSymbol</c>: kernel symbols by name, or the one nearest to an address.</summary>
[Cmdlet(VerbsCommon.Get, "VmiSymbol", DefaultParameterSetName = NameSet)]
[OutputType(typeof(VmiSymbolMatch))]
public sealed class GetVmiSymbolCommand : MachineCommand
{
    private const string NameSet = "Name", AddressSet = "Address";
    // Further behind a symbol than any kernel object is long, an address has nothing to do with it.
    private const ulong MaxOffset = 16 << 20;

    /// <summary>Names or patterns, case-sensitive; all symbols where left out.</summary>
    [Parameter(ParameterSetName = NameSet, Position = 1)]
    [SupportsWildcards]
    public string[]? Name { get; set; }

    /// <summary>Addresses whose symbol is looked for.</summary>
    [Parameter(ParameterSetName = AddressSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Rip")]
    public AddressArgument[] Address { get; set; } = [];

    /// <summary>Modules or patterns of modules whose symbols are wanted; <c>vmlinux</c> is the kernel proper.</summary>
    [Parameter]
    [SupportsWildcards]
    public string[]? Module { get; set; }

    /// <inheritdoc/>
    protected override void Process(VmiMachine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        LinuxGuest guest = EngineAccess.GuestOf(machine);
        if (ParameterSetName == AddressSet)
            ByAddress(guest);
        else
            ByName(guest);
    }

    private void ByName(LinuxGuest guest)
    {
        NameFilter names = new(Name, StringComparison.Ordinal), modules = new(Module, StringComparison.Ordinal);
        foreach (VmiSymbol symbol in EngineAccess.SymbolsOf(guest).Enumerate())
        {
            Stop.ThrowIfCancellationRequested();
            if (modules.Matches(symbol.Module ?? "vmlinux") && names.Matches(symbol.Name))
                WriteObject(new VmiSymbolMatch(guest.Machine.Name, symbol.Name, symbol.Address, symbol.Type, symbol.Module));
        }
        foreach (string name in names.Unmatched)
        {
            // Kernels without data symbols: some addresses were inferred, and stand in no table.
            if (Module is null && guest.Profile.TryGetSymbol(name, out GuestVirtualAddress address))
                WriteObject(new VmiSymbolMatch(guest.Machine.Name, name, address.Value, '?', null));
            else
                Report(new VmiException(VmiErrorCode.SymbolNotFound, $"The kernel of '{guest.Machine.Name}' has no symbol '{name}'.", name), guest.Machine);
        }
    }

    private void ByAddress(LinuxGuest guest)
    {
        ISymbolTable symbols = EngineAccess.SymbolsOf(guest);
        NameFilter modules = new(Module, StringComparison.Ordinal);
        foreach (AddressArgument argument in Address)
        {
            ulong address = argument.Resolve(() => guest);
            VmiSymbol? symbol = symbols.FindNearest(new GuestVirtualAddress(address));
            if (symbol is null || address - symbol.Address > MaxOffset || !modules.Matches(symbol.Module ?? "vmlinux"))
                Report(new VmiException(VmiErrorCode.SymbolNotFound, $"No symbol of '{guest.Machine.Name}' stands at or before 0x{address:x}.", argument.ToString()), guest.Machine);
            else
                WriteObject(new VmiSymbolMatch(guest.Machine.Name, symbol.Name, symbol.Address, symbol.Type, symbol.Module, address - symbol.Address));
        }
    }
}
