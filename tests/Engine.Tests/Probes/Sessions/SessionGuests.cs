using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>The guests on which probes are tried.</summary>
internal static class SessionGuests
{
    /// <summary>Kernels and numbers of vCPUs.</summary>
    public static MatrixTheoryData<string, int> All => new([GuestKernel.Amd64_6_1.Name, GuestKernel.Amd64_6_12.Name, GuestKernel.I386.Name], [1, 4]);

    /// <summary>A kernel of each kind, and both numbers of vCPUs.</summary>
    public static TheoryData<string, int> Few => new()
    {
        { GuestKernel.Amd64_6_1.Name, 1 }, { GuestKernel.Amd64_6_12.Name, 4 }, { GuestKernel.I386.Name, 1 },
    };

    /// <summary>A guest that is lent to one test at a time, those of this collection, and to no others: probes hold it, and it works.</summary>
    public static Task<GuestLoan> BorrowAsync(string kernel, int vcpus) => GuestFacts.BorrowAsync(new GuestOptions
    {
        Kernel = GuestKernel.All.Single(known => known.Name == kernel), Vcpus = vcpus, KernelArguments = "for=sessions",
        Timeout = TimeSpan.FromMinutes(FullCounts.Or(5, 90)),
    });
}
