using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>The guests on which probes are tried.</summary>
internal static class SessionGuests
{
    /// <summary>What every vCPU meets all the time: two probes at least. Writes to CR3 have some forty places, more than a CPU's debug registers.</summary>
    public static string Busy { get; } = TestDriver.HasOnlyDebugRegisters
        ? """
        ExecuteAt(do_syscall_64){ ReadRegister(RAX, #out) }
        ExecuteAt(do_exit){ ReadRegister(RIP, #out) }
        """
        : """
        CRWrite(3){ ReadRegister(CR3, #out) }
        Syscall(-){ ReadRegister(RAX, #out) }
        ExecuteAt(do_exit){ ReadRegister(RIP, #out) }
        """;

    /// <summary>Whether 32-bit kernels run here: the emulation below the lab's KVM ends at their first process ("invalid tss type").</summary>
    public static bool Has32Bit => !KvmLab.IsInside;

    /// <summary>vCPUs of a guest that has several; the lab has two CPUs for them.</summary>
    public static int Many => KvmLab.IsInside ? 2 : 4;

    /// <summary>Kernels and numbers of vCPUs; in the lab, where each is slow, <see cref="Few"/> unless full counts are wanted.</summary>
    public static TheoryData<string, int> All => KvmLab.IsInside && !FullCounts.AreWanted ? Few : Known(
        (GuestKernel.Amd64_6_1, 1), (GuestKernel.Amd64_6_1, Many), (GuestKernel.Amd64_6_12, 1), (GuestKernel.Amd64_6_12, Many), (GuestKernel.I386, 1), (GuestKernel.I386, Many));

    /// <summary>A kernel of each kind, and both numbers of vCPUs.</summary>
    public static TheoryData<string, int> Few => Known((GuestKernel.Amd64_6_1, 1), (GuestKernel.Amd64_6_12, Many), (GuestKernel.I386, 1));

    private static TheoryData<string, int> Known(params ReadOnlySpan<(GuestKernel Kernel, int Vcpus)> guests)
    {
        var data = new TheoryData<string, int>();
        foreach ((GuestKernel kernel, int vcpus) in guests)
        {
            if (Has32Bit || kernel.Architecture != GuestArchitecture.I386)
                data.Add(kernel.Name, vcpus);
        }
        return data;
    }

    /// <summary>A guest that is lent to one test at a time, those of this collection, and to no others: probes hold it, and it works.</summary>
    public static Task<GuestLoan> BorrowAsync(string kernel, int vcpus) => GuestFacts.BorrowAsync(new GuestOptions
    {
        Kernel = GuestKernel.All.Single(known => known.Name == kernel), Vcpus = vcpus, KernelArguments = "for=sessions",
        Timeout = TimeSpan.FromMinutes(FullCounts.Or(5, 90)),
    });
}
