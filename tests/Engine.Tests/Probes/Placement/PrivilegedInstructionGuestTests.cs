using System.Diagnostics;
using VmiPl.Compilation.Sites;
using VmiPl.Language.Model;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Probes.Placement;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Probes.Placement;

/// <summary>The privileged instructions of real kernels, compared with what binutils find in the same bytes.</summary>
public sealed class PrivilegedInstructionGuestTests
{
    public static TheoryData<string> Kernels => ["6.1-amd64", "6.12-amd64", "6.1-i386", "6.1-i386-pae"];

    [Theory]
    [MemberData(nameof(Kernels))]
    public async Task All_are_found_and_nothing_else(string name)
    {
        GuestKernel kernel = GuestKernel.All.Single(kernel => kernel.Name == name);
        using GuestLoan loan = await GuestFacts.BorrowAsync(new GuestOptions { Kernel = kernel });
        using VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, Errors.VmiLimits.Default);
        LinuxGuest guest = LinuxGuest.Open(machine, cache: null);
        bool is64Bit = guest.Profile.PointerSize == 8;
        InstructionSearch search = Timed(guest);
        GroundTruth truth = await loan.Guest.SnapshotAsync(full: true);

        Report(search);
        Assert.DoesNotContain(search.Unsearched, text => text.Module is not null);
        foreach (IGrouping<string?, GuestSymbol> symbols in truth.Kallsyms.Where(symbol => symbol.Type is 't' or 'T' or 'w' or 'W').GroupBy(symbol => symbol.Module))
        {
            (ulong start, ulong end) = Extent(guest, symbols.Key, symbols);
            byte[] code = new byte[end - start];
            Assert.True(guest.OpenKernelSpace().TryRead(new GuestVirtualAddress(start), code));
            var expected = await ReferenceDisassembly.PrivilegedWritesAsync(start, code, symbols.Select(symbol => symbol.Address), is64Bit);
            // Behind bytes that are no instruction in this mode binutils guess on; where that leads to a write, the search says that it does not know.
            HashSet<ulong> unknown = [.. search.Unsearched.Select(text => text.Place.Address)];
            Assert.Equal(
                expected.Where(place => !unknown.Contains(place.Address)).Select(place => $"{place.Address:x} {place.Kind}"),
                search.Places.Where(place => place.Module == symbols.Key).Select(place => $"{place.Address:x} {place.Kind}"));
        }
        // A module's are the same when it is asked for alone, as when it has just been loaded.
        foreach (ModuleList.Found found in ModuleList.Read(guest.Profile, guest.OpenKernelSpace(), machine.Name, machine.Limits))
        {
            InstructionSearch one = PrivilegedInstructions.FindIn(guest, found.Address, PrivilegedWrite.All, TestContext.Current.CancellationToken);
            Assert.Equal(search.Places.Where(place => place.Module == found.Module.Name), one.Places);
            Assert.Equal(search.Unsearched.Where(text => text.Module == found.Module.Name), one.Unsearched);
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public async Task Modules_are_noticed_where_the_kernel_says(string name)
    {
        GuestKernel kernel = GuestKernel.All.Single(kernel => kernel.Name == name);
        using GuestLoan loan = await GuestFacts.BorrowAsync(new GuestOptions { Kernel = kernel });
        using VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, Errors.VmiLimits.Default);
        ModuleEvents events = ModuleEvents.Find(LinuxGuest.Open(machine, cache: null));
        GroundTruth truth = await loan.Guest.SnapshotAsync(full: true);
        foreach (var (places, first) in new[] { (events.Loading, "do_init_module"), (events.Unloading, "free_module") })
        {
            Assert.Equal(first, places[0].Name);
            Assert.All(places, place => Assert.Equal(truth.Kallsyms.First(symbol => symbol.Name == place.Name).Address, place.Address));
        }
        Assert.Equal(kernel.Architecture == GuestArchitecture.Amd64 ? GuestRegister.Rdi : GuestRegister.Rax, events.ModuleRegister);
    }

    private static (ulong Start, ulong End) Extent(LinuxGuest guest, string? module, IEnumerable<GuestSymbol> symbols)
    {
        ulong first = symbols.Min(symbol => symbol.Address), end = (symbols.Max(symbol => symbol.Address) + 4096) & ~4095UL;
        if (module is not null)
            return (first, end);
        Assert.True(guest.Profile.TryGetSymbol("_text", out GuestVirtualAddress text));
        Assert.True(guest.Profile.TryGetSymbol("_etext", out GuestVirtualAddress behind));
        return (text.Value, behind.Value);
    }

    private static InstructionSearch Timed(LinuxGuest guest)
    {
        InstructionSearch search = PrivilegedInstructions.Find(guest, PrivilegedWrite.All, TestContext.Current.CancellationToken);
        var watch = Stopwatch.StartNew();
        InstructionSearch again = PrivilegedInstructions.Find(guest, PrivilegedWrite.All, TestContext.Current.CancellationToken);
        TestContext.Current.TestOutputHelper?.WriteLine($"{guest.Profile.Release}: {watch.ElapsedMilliseconds} ms");
        Assert.Equal(search.Places.AsEnumerable(), again.Places);
        return search;
    }

    private static void Report(InstructionSearch search)
    {
        ITestOutputHelper? output = TestContext.Current.TestOutputHelper;
        foreach (var kind in search.Places.GroupBy(place => place.Kind).OrderBy(group => group.Key))
            output?.WriteLine($"{kind.Key}: {kind.Count(place => place.Module is null)} in the kernel, {kind.Count(place => place.Module is not null)} in modules");
        foreach (InstructionPlace place in search.Places.Where(place => place.Kind is PrivilegedWrite.Cr3))
            output?.WriteLine($"{place} {place.Register}");
        foreach (UnsearchedText text in search.Unsearched)
            output?.WriteLine(text.ToString());
    }
}
