using System.Collections.Immutable;

namespace VmiPl.Compilation.Sites;

/// <summary>What has to be watched so that an event probe's program runs: a driver turns it into breakpoints, watchpoints, filters or
/// whatever it has. Addresses are guest-virtual. Immutable; safe from any thread.</summary>
public abstract record ProbeSite;

/// <summary>Instructions that are executed, any of them. <paramref name="Places"/> is not empty.</summary>
public sealed record ExecuteSite(ImmutableArray<NamedAddress> Places) : ProbeSite;

/// <summary>Memory that is read (<paramref name="OnRead"/>) or written; <paramref name="Length"/> is 1, 2, 4 or 8 bytes, of which the address
/// is a multiple.</summary>
public sealed record WatchSite(NamedAddress Place, int Length, bool OnRead) : ProbeSite;

/// <summary>Instructions of the guest's kernel that write control register <paramref name="Register"/>: 0, 3, 4 or 8.</summary>
public sealed record ControlRegisterSite(int Register) : ProbeSite;

/// <summary>Writes to a model specific register, or to any where <paramref name="Msr"/> is null.</summary>
public sealed record MsrSite(uint? Msr) : ProbeSite;

/// <summary>Loads of a descriptor table register: <c>lidt</c> or <c>lgdt</c>.</summary>
public sealed record DescriptorRegisterSite(bool IsInterruptTable) : ProbeSite;

/// <summary>Writes to the memory of a descriptor table, wherever it lies at the time.</summary>
public sealed record DescriptorTableSite(bool IsInterruptTable) : ProbeSite;

/// <summary>Entries of the guest's handler for a vector.</summary>
public sealed record InterruptSite(int Vector) : ProbeSite;

/// <summary>Returns of a vCPU to the guest after the hypervisor's user space has dealt with an exit.</summary>
public sealed record ResumeSite : ProbeSite;

/// <summary>An operator's request of that id.</summary>
public sealed record RequestSite(ulong Request) : ProbeSite;
