using VmiPl.Compilation.Sites;
using VmiPl.Language.Model;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Probes.Placement;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Probes.Placement;

/// <summary>The functions of real kernels that map pages.</summary>
public sealed class MappingEventGuestTests
{
    public static TheoryData<string> Kernels => ["6.1-amd64", "6.12-amd64", "6.1-i386", "6.1-i386-pae"];

    [Theory]
    [MemberData(nameof(Kernels))]
    public async Task All_are_where_the_kernel_says(string name)
    {
        GuestKernel kernel = GuestKernel.All.Single(kernel => kernel.Name == name);
        using GuestLoan loan = await GuestFacts.BorrowAsync(new GuestOptions { Kernel = kernel });
        using VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, Errors.VmiLimits.Default);
        MappingEvents events = MappingEvents.Find(LinuxGuest.Open(machine, cache: null));
        GroundTruth truth = await loan.Guest.SnapshotAsync(full: true);
        Assert.Equal(Places("vmap", "vm_map_ram"), events.Making);
        Assert.Equal(Places("remove_vm_area", "vm_unmap_ram"), events.Ending);
        Assert.Empty(events.Missing);
        Assert.Equal(kernel.Architecture == GuestArchitecture.Amd64 ? GuestRegister.Rsi : GuestRegister.Rdx, events.PageCount);

        IEnumerable<NamedAddress> Places(params string[] names) =>
            names.Select(name => new NamedAddress(truth.Kallsyms.First(symbol => symbol.Name == name && symbol.Module is null).Address, name));
    }

    [Fact]
    public void A_kernel_without_them_is_said()
    {
        MappingEvents events = MappingEvents.Find(new SyntheticText().Open());
        Assert.Equal((0, 0, 4), (events.Making.Length, events.Ending.Length, events.Missing.Length));
    }
}
