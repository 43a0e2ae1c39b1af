using Iced.Intel;
using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Probes;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Shim;
using VmiPl.Probes.Shim.Abi;
using VmiPl.Probes.Shim.Sites;
using VmiPl.Probes.Tracking;
using VmiPl.Symbols;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Probes.Shim;

/// <summary>The places of real kernels that probes need, and how each would be trapped.</summary>
public sealed class SiteGuestTests
{
    private static readonly string[] Known = ["has one byte", "begins a loop", "elsewhere", "may change it itself", "flag by which"];

    public static TheoryData<string> Kernels => ["6.1-amd64", "6.12-amd64"];

    [Theory]
    [MemberData(nameof(Kernels))]
    public async Task Every_privileged_write_gets_a_port_trap_with_all_others(string name)
    {
        using GuestLoan loan = await BorrowAsync(name);
        using VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, VmiLimits.Default);
        LinuxGuest guest = LinuxGuest.Open(machine, cache: null);
        InstructionSearch search = PrivilegedInstructions.Find(guest, PrivilegedWrite.All, TestContext.Current.CancellationToken);
        TrapUse[] uses = [.. search.Places.Select(place => new TrapUse(new ExecuteTrap(new NamedAddress(place.Address, place.Name), place), null, null))];
        ShimSites sites = Sites(guest, TrapKind.Port);
        SitePlan plan = sites.Plan(uses, modulesToo: false);
        Assert.Equal(uses.Length, plan.Places.Length);
        var code = new GuestCode(guest);
        Assert.All(plan.Places, place => AssertWhole(guest, code, place));
        Assert.Equal(plan.Places.Count(place => place.Site.Cave != 0), plan.Places.Select(place => place.Site.Cave).Where(cave => cave != 0).Distinct().Count());
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {uses.Length} places, {plan.Places.Count(place => place.Site.Cave != 0)} copies");
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public async Task Every_entry_gets_a_site_and_where_it_is_no_port_trap_the_reason_is_one_that_is_known(string name)
    {
        using GuestLoan loan = await BorrowAsync(name);
        using VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, VmiLimits.Default);
        LinuxGuest guest = LinuxGuest.Open(machine, cache: null);
        NamedAddress[] syscalls = [.. guest.Profile.Symbols.Enumerate().Where(symbol => symbol.Name.StartsWith("__x64_sys_", StringComparison.Ordinal) && symbol.Type is 't' or 'T').Select(Named)];
        Assert.True(guest.TryFindSymbol("do_exit", out GuestVirtualAddress exit));
        VcpuRegisters registers = RegisterReader.Read(machine)[0];
        NamedAddress[] handlers =
        [
            .. InterruptGates.Read(guest.OpenKernelSpace(), registers.IdtBase, registers.IdtLimit).Select(gate => gate.Handler).Where(handler => handler != 0).Distinct()
                .Select(handler => new NamedAddress(handler, guest.Profile.Symbols.FindNearest(new GuestVirtualAddress(handler))?.Name))
                // Gates that the boot has left behind: their code was given away with the rest of it.
                .Where(handler => handler.Name != "early_idt_handler_array"),
        ];
        Assert.True(syscalls.Length > 300 && handlers.Length > 200);
        ShimSites ports = Sites(guest, TrapKind.Port), automatic = Sites(guest, TrapKind.Auto);
        var code = new GuestCode(guest);
        foreach ((string kind, NamedAddress[] places) in new[] { ("system calls", syscalls), ("handlers", handlers), ("exit", [new NamedAddress(exit.Value, "do_exit")]) })
        {
            var reasons = new Dictionary<string, int>();
            int count = 0;
            foreach (NamedAddress place in places)
            {
                Assert.Single(Take(automatic, place).Places);
                try
                {
                    AssertWhole(guest, code, Assert.Single(Take(ports, place).Places));
                    count++;
                }
                catch (VmiException e) when (e.Code == VmiErrorCode.TrapRefused)
                {
                    string reason = Known.FirstOrDefault(known => e.Message.Contains(known, StringComparison.Ordinal)) ?? e.Message;
                    reasons[reason] = reasons.GetValueOrDefault(reason) + 1;
                }
            }
            TestContext.Current.TestOutputHelper?.WriteLine($"{name}, {kind}: {count} of {places.Length} by port; {string.Join(", ", reasons.Select(pair => $"{pair.Key}: {pair.Value}"))}");
            Assert.All(reasons.Keys, reason => Assert.True(reason.Length < 30, reason));
        }
    }

    private static SitePlan Take(ShimSites sites, NamedAddress place)
    {
        SitePlan plan = sites.Plan([new TrapUse(new ExecuteTrap(place), null, null)], modulesToo: false);
        sites.Discard(plan);
        return plan;
    }

    private static NamedAddress Named(VmiSymbol symbol) => new(symbol.Address, symbol.Name);

    private static Task<GuestLoan> BorrowAsync(string name) => GuestFacts.BorrowAsync(new GuestOptions { Kernel = GuestKernel.All.Single(kernel => kernel.Name == name) });

    private static ShimSites Sites(LinuxGuest guest, TrapKind kind) => new(new GuestCode(guest), new SiteConditions(0xe5, CanStep: true, HasLandingPads: false), kind);

    /// <summary>What the shim is told is so in the guest: bytes, physical addresses, and a copy that is the same instruction.</summary>
    private static void AssertWhole(LinuxGuest guest, GuestCode code, SitePlace place)
    {
        AbiSite site = place.Site;
        AssertBytes(guest, site.Address, site.Physical, site.Original.First(site.Length));
        Assert.Equal(place.Key.Address, site.Address + (ulong)(long)site.Shown);
        if (site.Resume is not (AbiResume.Step or AbiResume.Push or AbiResume.Load))
            return;
        Assert.Equal(code.IsEntry(site.Address), code.IsEntry(site.Cave));
        AssertBytes(guest, site.Cave, site.CavePhysical, site.CaveOriginal.First(site.CaveLength));
        Assert.Equal(Decode(site.Original.First(site.Length), site.Address), Decode(site.Copy.First(site.CaveLength), site.Cave));
        Decoder decoder = Decoder.Create(64, new ByteArrayCodeReader(site.CaveOriginal.First(site.CaveLength)));
        while (decoder.IP < (ulong)site.CaveLength)
        {
            decoder.Decode(out Instruction filler);
            Assert.True(filler.Mnemonic is Mnemonic.Nop or Mnemonic.Int3 || decoder.LastError == DecoderError.NoMoreBytes, filler.ToString());
        }
    }

    private static void AssertBytes(LinuxGuest guest, ulong address, ulong physical, byte[] bytes)
    {
        byte[] read = new byte[bytes.Length];
        Assert.Equal(read.Length, guest.Machine.GetMemory().Read(new GuestPhysicalAddress(physical), read));
        Assert.Equal(bytes, read);
        Assert.True(guest.OpenKernelSpace().TryRead(new GuestVirtualAddress(address), read));
        Assert.Equal(bytes, read);
    }

    private static string Decode(byte[] code, ulong at)
    {
        Decoder decoder = Decoder.Create(64, new ByteArrayCodeReader(code));
        decoder.IP = at;
        decoder.Decode(out Instruction instruction);
        return ImmediateMsr.TryDecode(code, out ImmediateMsr msr) ? msr.ToString() : instruction.ToString();
    }
}
