using System.Collections.Immutable;
using VmiPl.Language;
using VmiPl.Language.Tables;

namespace VmiPl.Compilation;

/// <summary>Every diagnostic that compiling a script for a guest can yield: VMI3xxx.</summary>
public static class CompilationDiagnostics
{
#pragma warning disable CS1591 // each says what it is in its own message
    // What is left open where there is no guest.
    public static readonly DiagnosticDescriptor SymbolLeftOpen =
        new("VMI3001", DiagnosticSeverity.Information, "Whether the guest has a symbol `{0}` is left open: no machine was given.");
    public static readonly DiagnosticDescriptor SyscallLeftOpen =
        new("VMI3002", DiagnosticSeverity.Warning, "No kernel known here has a system call `{0}`; whether the guest has one is left open: no machine was given.");

    // Symbols, addresses, registers.
    public static readonly DiagnosticDescriptor UnknownSymbol = Error("VMI3010", "The guest's kernel has no symbol `{0}`.");
    public static readonly DiagnosticDescriptor AddressTooLarge = Error("VMI3011", "0x{0:x} is no address of a 32-bit guest.");
    public static readonly DiagnosticDescriptor AddressNotCanonical = Error("VMI3012", "0x{0:x} is no address that a 64-bit guest can have.");
    public static readonly DiagnosticDescriptor RegisterNotThere = Error("VMI3013", "The guest is a 32-bit one and has no register `{0}`.");
    public static readonly DiagnosticDescriptor ValueTooLarge = Error("VMI3014", "The value 0x{0:x} does not fit into the {1} bits of {2}.");

    // System calls.
    public static readonly DiagnosticDescriptor UnknownSyscall = Error("VMI3020", "The guest's kernel has no system call {0}.");
    public static readonly DiagnosticDescriptor SyscallNotBuilt = Error("VMI3021", "The guest's kernel was built without the system call {0}: no program can make it.");
    public static readonly DiagnosticDescriptor DispatcherNotFound = Error("VMI3022", "Where the guest's kernel dispatches its system calls was not found.");

    // What the guest's kernel does not tell.
    public static readonly DiagnosticDescriptor ProcessListUnknown = Error("VMI3030", "`ProcessList` cannot be compiled for this guest: {0}");
    public static readonly DiagnosticDescriptor CurrentTaskUnknown = Error("VMI3031", "`ProcessIs` cannot be compiled for this guest: its kernel does not tell where the current task is found.");

    // Programs and reconfiguration.
    public static readonly DiagnosticDescriptor BodyTooLarge = Error("VMI3040", "The body of `{0}` is too large to be run at one event.");
    public static readonly DiagnosticDescriptor NoRunningProbe = Error("VMI3041", "No running event probe has the id {0}.");
    public static readonly DiagnosticDescriptor NoRunningLabel = Error("VMI3042", "No running probe has the label `{0}`.");
    public static readonly DiagnosticDescriptor RunningStreamProbe = Error("VMI3043", "{0} is a stream probe; only event probes can be reconfigured.");
    public static readonly DiagnosticDescriptor NoReconfiguration = Error("VMI3044", "A reconfiguration script holds `Reconfigure` blocks only.");
#pragma warning restore CS1591

    /// <summary>All of them, by number.</summary>
    public static ImmutableArray<DiagnosticDescriptor> All { get; } = DiagnosticDescriptor.AllOf(typeof(CompilationDiagnostics));

    private static DiagnosticDescriptor Error(string id, string format) => new(id, DiagnosticSeverity.Error, format);
}
