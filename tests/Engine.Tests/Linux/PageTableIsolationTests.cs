using VmiPl.Compilation;
using VmiPl.Language;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Streams;
using VmiPl.Symbols;
using VmiPl.TestGuests;
using VmiPl.Tests.Compilation;
using VmiPl.Tests.Guests;
using VmiPl.Tests.Linux.Syscalls;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Linux;

public sealed class PageTableIsolationTests
{
    /// <summary>One of each kind of page table with and without it.</summary>
    public static TheoryData<string> Configurations =>
    [
        .. GuestMatrix.For(GuestKernel.Amd64_6_12).Concat(GuestMatrix.I386).Where(configuration => configuration.Options.Monitor != MonitorKind.None)
            .DistinctBy(configuration => (configuration.Options.Kernel, configuration.Options.FiveLevelPaging, configuration.Options.PageTableIsolation))
            .Select(configuration => configuration.Name),
    ];

    /// <summary>What the kernel's flags say and what its tables say is the same, and it is what the guest was booted with.</summary>
    [Theory]
    [MemberData(nameof(Configurations))]
    public async Task Flags_and_tables_say_what_the_guest_was_booted_with(string name)
    {
        GuestOptions options = GuestMatrix.Find(name).Options;
        using GuestLoan loan = await GuestFacts.BorrowAsync(options);
        using VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, Errors.VmiLimits.Default);
        LinuxGuest guest = LinuxGuest.Open(machine, cache: null);
        Assert.Equal(options.PageTableIsolation, PageTableIsolation.IsOn(guest));
        KernelProfile profile = guest.Profile;
        var flagless = new KernelProfile(profile.Release, null, profile.Location, new HidingSymbols(profile.Symbols, "boot_cpu_data"), profile.Types);
        Assert.Equal(options.PageTableIsolation, PageTableIsolation.IsOn(new LinuxGuest(machine, flagless)));
        // A process's tables tell it, too.
        foreach (VmiProcess process in guest.Processes().Processes.Where(process => process.PageDirectory is not null).Take(5))
        {
            KernelLocation location = profile.Location with { Root = new GuestPhysicalAddress(process.PageDirectory!.Value) };
            var own = new KernelProfile(profile.Release, null, location, new HidingSymbols(profile.Symbols, "boot_cpu_data"), profile.Types);
            Assert.Equal(options.PageTableIsolation, PageTableIsolation.IsOn(new LinuxGuest(machine, own)));
        }
        if (options.Spinning)
            RecordsHavePageDirectories(guest, machine);
    }

    /// <summary>In user mode CR3 holds the user half; a record and a filter still go by the process.</summary>
    private static void RecordsHavePageDirectories(LinuxGuest guest, VmiMachine machine)
    {
        ulong[] directories = [.. guest.Processes().Processes.Select(process => process.PageDirectory ?? 0)];
        foreach (VcpuRegisters registers in RegisterReader.Read(machine).Where(vcpu => vcpu.Cpl == 3))
        {
            Assert.NotEqual(0UL, registers.Cr3 & PageTableIsolation.UserTable);
            ulong directory = registers.Cr3 & PageTableWalker.RootMask(guest.Profile.Location.Mode) & ~PageTableIsolation.UserTable;
            string text = $"OnExternalRequest(1){{ ReadRegister(CR3) RegisterHasValue(CR3, 0x{directory:x}){{ ReadRegister(CR3) }} }}";
            CompiledScript script = ScriptCompiler.Compile(ScriptReader.Read(new SourceText(text)), guest);
            Assert.Empty(script.Diagnostics);
            RegisterRecord[] records = [.. RecordingVcpu.Run(script, guest, registers).Records.OfType<RegisterRecord>()];
            Assert.Equal(2, records.Length);
            Assert.All(records, record => Assert.Equal((registers.Cr3, directory), (record.Value, record.PageDirectory)));
            Assert.Contains(directory, directories);
        }
    }

    [Theory]
    [InlineData(PagingMode.FourLevel)]
    [InlineData(PagingMode.Pae)]
    [InlineData(PagingMode.Legacy32)]
    public void A_kernel_that_tells_nothing_has_none(PagingMode mode) => Assert.False(PageTableIsolation.IsOn(new SmallGuest(mode).Open()));

    [Fact]
    public void A_neighbour_with_other_entries_is_no_user_half()
    {
        // The root of this builder is at 0x10000; the page behind it is its first lower table.
        var guest = new SmallGuest(PagingMode.FourLevel);
        for (int i = 0; i < 512; i++)
            BitConverter.GetBytes(0x20_0063UL).CopyTo(guest.Memory, (int)guest.KernelRoot + 4096 + i * 8);
        Assert.False(PageTableIsolation.IsOn(guest.Open()));
    }
}
