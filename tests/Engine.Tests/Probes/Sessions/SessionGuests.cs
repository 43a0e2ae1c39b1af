using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>The guests on which probes are tried, and how much of it.</summary>
internal static class SessionGuests
{
    /// <summary>Kernels and numbers of vCPUs.</summary>
    public static MatrixTheoryData<string, int> All => new([GuestKernel.Amd64_6_1.Name, GuestKernel.Amd64_6_12.Name, GuestKernel.I386.Name], [1, 4]);

    /// <summary>A kernel of each kind, and both numbers of vCPUs.</summary>
    public static TheoryData<string, int> Few => new()
    {
        { GuestKernel.Amd64_6_1.Name, 1 }, { GuestKernel.Amd64_6_12.Name, 4 }, { GuestKernel.I386.Name, 1 },
    };

    /// <summary>How often something is done: often enough to show what is wrong, or, with <c>VMIPL_FULL_COUNTS</c> set, as often as it takes to believe
    /// that it is right.</summary>
    public static int Count(int usually, int full) => IsFull ? full : usually;

    /// <summary>A guest that is lent to one test at a time, those of this collection, and to no others: probes hold it, and it works.</summary>
    public static Task<GuestLoan> BorrowAsync(string kernel, int vcpus) => GuestFacts.BorrowAsync(new GuestOptions
    {
        Kernel = GuestKernel.All.Single(known => known.Name == kernel), Vcpus = vcpus, KernelArguments = "for=sessions",
        Timeout = TimeSpan.FromMinutes(IsFull ? 90 : 5),
    });

    private static bool IsFull => Environment.GetEnvironmentVariable("VMIPL_FULL_COUNTS") is not null;
}
