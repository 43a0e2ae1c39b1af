using System.Buffers.Binary;
using VmiPl.Errors;
using VmiPl.Probes;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>Writes to descriptor tables and privileged registers, in an exact number, by a module of real guests.</summary>
public sealed class DescriptorTableTests
{
    private const int Times = 20;

    private static readonly CancellationToken _cancel = TestContext.Current.CancellationToken;

    public static TheoryData<string, int> Guests
    {
        get
        {
            var guests = new TheoryData<string, int> { { "6.1-amd64", 1 }, { "6.12-amd64", SessionGuests.Many } };
            if (FullCounts.AreWanted)
                guests.Add("6.12-amd64", 1);
            if (SessionGuests.Has32Bit)
            {
                guests.Add("6.1-i386", 1);
                guests.Add("6.1-i386-pae", 4);
            }
            return guests;
        }
    }

    /// <summary>Through a mapping that is made for it after the start and taken away again, and through the table's own address.</summary>
    [Theory]
    [MemberData(nameof(Guests))]
    public async Task Every_write_to_a_gate_is_seen_and_nothing_else(string kernel, int vcpus)
    {
        NeedMoreThanDebugRegisters();
        using GuestLoan loan = await BorrowAsync(kernel, vcpus);
        TestGuest guest = loan.Guest;
        await guest.CommandAsync("insmod vmipl_test", _cancel);
        using ProbeRun run = ProbeRun.Start(guest, $"IDTWrite{{ ReadRegister({Rip(kernel)}, #gates) }}");
        ulong behind = 0;
        foreach (string work in (string[])["gate", "descriptor", "gatewp", "gate", "descriptorwp", "gate"])
            behind = await StoresAsync(guest, kernel, work, vcpus - 1);
        List<VmiRecord> seen = run.Stop("gates");
        Explain(run);
        Assert.Equal(Enumerable.Repeat(behind, 4 * Times), seen.Cast<RegisterRecord>().Select(record => record.Value));
    }

    /// <summary>The kernel writes descriptors for each task that it switches to, so only the module's own are looked at.</summary>
    [Theory]
    [MemberData(nameof(Guests))]
    public async Task Every_write_to_a_descriptor_is_seen(string kernel, int vcpus)
    {
        NeedMoreThanDebugRegisters();
        using GuestLoan loan = await BorrowAsync(kernel, vcpus);
        TestGuest guest = loan.Guest;
        await guest.CommandAsync("insmod vmipl_test", _cancel);
        ulong behind = await StoresAsync(guest, kernel, "descriptor", 0);
        using ProbeRun run = ProbeRun.Start(guest, $"GDTWrite{{ RegisterHasValue({Rip(kernel)}, 0x{behind:x}){{ ReadRegister({Rip(kernel)}, #descriptors) }} }}");
        foreach (string work in (string[])["descriptor", "gate", "descriptorwp", "gatewp", "descriptor"])
            await StoresAsync(guest, kernel, work, vcpus - 1);
        List<VmiRecord> seen = run.Stop("descriptors");
        Explain(run);
        Assert.Equal(3 * Times, seen.Count);
    }

    /// <summary>Four vCPUs write at once; each writes a task's descriptors in the same order every time, so a write that is lost or told twice
    /// shows.</summary>
    [Fact]
    public async Task Each_write_of_the_kernel_is_told_once()
    {
        Assert.SkipUnless(SessionGuests.Has32Bit, "32-bit kernels do not run in the lab.");
        const string Kernel = "6.1-i386-pae";
        using GuestLoan loan = await BorrowAsync(Kernel, 4);
        TestGuest guest = loan.Guest;
        await guest.CommandAsync("insmod vmipl_test", _cancel);
        using ProbeRun run = ProbeRun.Start(guest, $"GDTWrite{{ ReadRegister({Rip(Kernel)}, #descriptors) }}");
        ulong behind = await StoresAsync(guest, Kernel, "descriptor", 3);
        RegisterRecord[] seen = [.. run.Stop("descriptors").Cast<RegisterRecord>()];
        Assert.Equal(Times, seen.Count(record => record.Value == behind));
        foreach (IGrouping<int, RegisterRecord> vcpu in seen.Where(record => record.Value != behind).GroupBy(record => record.Vcpu))
        {
            ulong[] places = [.. vcpu.Select(record => record.Value)];
            Assert.All(places.Zip(places.Skip(1)).GroupBy(pair => pair.First, pair => pair.Second), next => Assert.Single(next.Distinct()));
        }
    }

    /// <summary>In a module that is there at the start or comes later, and once more when it was unloaded and loaded again.</summary>
    [Theory]
    [MemberData(nameof(Guests))]
    public async Task Every_load_of_a_register_is_seen(string kernel, int vcpus)
    {
        NeedMoreThanDebugRegisters();
        using GuestLoan loan = await BorrowAsync(kernel, vcpus);
        TestGuest guest = loan.Guest;
        foreach (bool isThere in (bool[])[false, true])
        {
            using ProbeRun run = ProbeRun.Start(guest, $$"""
                IDTRWrite{ ReadRegister({{Rip(kernel)}}, #lidt) ReadRegister(IDTR, #lidt) }
                GDTRWrite{ ReadRegister({{Rip(kernel)}}, #lgdt) ReadRegister(GDTR, #lgdt) }
                CRWrite(0){ ReadRegister({{Rip(kernel)}}, #cr0) ReadRegister(CR0, #cr0) }
                CRWrite(4){ ReadRegister({{Rip(kernel)}}, #cr4) ReadRegister(CR4, #cr4) }
                """);
            string[] verbs = ["lidt", "lgdt", "cr0", "cr4"];
            List<(string Verb, ulong Site, ulong Value)> expected = [];
            foreach (bool isAgain in (bool[])[false, true])
            {
                if (isAgain)
                    await guest.CommandAsync("rmmod vmipl_test", _cancel);
                if (isAgain || !isThere)
                    await guest.CommandAsync("insmod vmipl_test", _cancel);
                foreach (string verb in verbs)
                    expected.AddRange(await LoadsAsync(guest, verb, vcpus - 1));
            }
            run.Session.Stop();
            Explain(run);
            foreach (string verb in verbs)
                Assert.Equal(expected.Where(load => load.Verb == verb), Loads(run, verb, expected));
        }
    }

    /// <summary>Those that a kernel writes all the time, too.</summary>
    [Theory]
    [MemberData(nameof(Guests))]
    public async Task Every_value_is_seen(string kernel, int vcpus)
    {
        NeedMoreThanDebugRegisters();
        using GuestLoan loan = await BorrowAsync(kernel, vcpus);
        TestGuest guest = loan.Guest;
        using ProbeRun run = ProbeRun.Start(guest, $$"""
            CRWrite(3){ ReadRegister({{Rip(kernel)}}, #cr3) ReadRegister(CR3, #cr3) }
            MSRWrite(0xC0000103){ ReadRegister({{Rip(kernel)}}, #wrmsr) ReadRegister(EAX, #wrmsr) }
            """);
        await guest.CommandAsync("insmod vmipl_test", _cancel);
        List<(string Verb, ulong Site, ulong Value)> expected = [.. await LoadsAsync(guest, "cr3", vcpus - 1)];
        IReadOnlyDictionary<string, ulong> facts = await guest.FactsAsync($"module wrmsr {Times} {vcpus - 1}", _cancel);
        for (int i = 0; i < Times; i++)
            expected.Add(("wrmsr", facts["site"], i + 1 < Times ? facts["first"] + (ulong)i : facts["last"]));
        run.Session.Stop();
        Explain(run);
        foreach (string verb in (string[])["cr3", "wrmsr"])
            Assert.Equal(expected.Where(load => load.Verb == verb), Loads(run, verb, expected));
    }

    /// <summary>What four debug registers are enough for: a gate and a descriptor in their own places, not a table; and the loads of a kernel that has
    /// them in few places, without a look at modules that come later.</summary>
    [Fact]
    [Trait(LabSet.Trait, LabSet.Probes)]
    public async Task Debug_registers_watch_a_gate_and_the_loads_of_a_register()
    {
        const string Kernel = "6.12-amd64";
        SessionOptions hardware = ProbeRun.Options() with { TrapKind = TrapKind.Hardware };
        using GuestLoan loan = await BorrowAsync(Kernel, 1);
        TestGuest guest = loan.Guest;
        await guest.CommandAsync("insmod vmipl_test", _cancel);
        ulong gate = (await guest.FactsAsync("module gatewp 2", _cancel))["address"], descriptor = (await guest.FactsAsync("module descriptorwp 2", _cancel))["address"];
        using (ProbeRun run = ProbeRun.Start(guest, $$"""
            WriteAt(0x{{gate:x}}){ ReadRegister(RIP, #gate) ReadMemory(0x{{gate:x}}, 8, #value) }
            WriteAt(0x{{descriptor:x}}){ ReadRegister(RIP, #descriptor) }
            """, hardware))
        {
            ulong behind = await StoresAsync(guest, Kernel, "gatewp", 0);
            IReadOnlyDictionary<string, ulong> facts = await guest.FactsAsync($"module gatewp {Times}", _cancel);
            Assert.Equal(behind, await StoresAsync(guest, Kernel, "descriptorwp", 0));
            Assert.Equal(Enumerable.Repeat(behind, 2 * Times), run.Stop("gate").Cast<RegisterRecord>().Select(record => record.Value));
            Assert.Equal(
                Enumerable.Range(0, 2 * Times).Select(i => facts[i % 2 == 0 ? "changed" : "value"]),
                run.Drain("value").Select(record => BinaryPrimitives.ReadUInt64LittleEndian([.. ((MemoryRecord)record).Bytes])));
            Assert.Equal(Enumerable.Repeat(behind, Times), run.Drain("descriptor").Cast<RegisterRecord>().Select(record => record.Value));
        }
        using (ProbeRun run = ProbeRun.Start(guest, "IDTRWrite{ ReadRegister(RIP, #lidt) ReadRegister(IDTR, #lidt) }", hardware))
        {
            (string, ulong, ulong)[] expected = [.. await LoadsAsync(guest, "lidt", 0)];
            run.Session.Stop();
            bool isKvm = guest.Options.Accelerator == GuestAccelerator.Kvm;
            Assert.Equal(isKvm ? 1 : 0, run.Drain("default").Count(record => record is NoticeRecord { Error: { } text } && text.Contains("modules", StringComparison.Ordinal)));
            Assert.Equal(expected, Loads(run, "lidt", [.. expected]));
        }
        if (guest.Options.Accelerator == GuestAccelerator.Kvm)
            Assert.Equal(VmiErrorCode.TrapRefused, Assert.Throws<VmiException>(() => ProbeRun.Start(guest, "IDTWrite{ ReadRegister(RIP, #gates) }", hardware)).Code);
    }

    private static void NeedMoreThanDebugRegisters() =>
        Assert.SkipWhen(TestDriver.HasOnlyDebugRegisters, "Four debug registers, all that the gdbstub has here, are too few for a table or for all places of the kernel's.");

    /// <summary>A guest in which the module is not loaded.</summary>
    private static async Task<GuestLoan> BorrowAsync(string kernel, int vcpus)
    {
        GuestLoan loan = await GuestFacts.BorrowAsync(new GuestOptions
        {
            Kernel = GuestKernel.All.Single(one => one.Name == kernel), Vcpus = vcpus, Modules = "msr", KernelArguments = "msr.allow_writes=on", TestModule = true,
        });
        if ((await loan.Guest.SnapshotAsync(cancel: _cancel)).Modules.Any(module => module.Name == "vmipl_test"))
            await loan.Guest.CommandAsync("rmmod vmipl_test", _cancel);
        return loan;
    }

    /// <summary>Has the module store; gives the address behind its instruction.</summary>
    private static async Task<ulong> StoresAsync(TestGuest guest, string kernel, string verb, int cpu)
    {
        IReadOnlyDictionary<string, ulong> facts = await guest.FactsAsync($"module {verb} {Times} {cpu}", _cancel);
        Assert.Equal((ulong)Times, facts["count"]);
        // mov %rsi,(%rdi); mov %edx,(%eax).
        return facts["site"] + (Is64Bit(kernel) ? 3UL : 2UL);
    }

    private static async Task<IEnumerable<(string Verb, ulong Site, ulong Value)>> LoadsAsync(TestGuest guest, string verb, int cpu)
    {
        IReadOnlyDictionary<string, ulong> facts = await guest.FactsAsync($"module {verb} {Times} {cpu}", _cancel);
        // The probes of table registers run behind the load, which has three bytes.
        return Enumerable.Repeat(verb is "lidt" or "lgdt" ? (verb, facts["site"] + 3, facts["base"]) : (verb, facts["site"], facts["value"]), Times);
    }

    /// <summary>What a probe has seen of the module's instructions; the kernel has its own.</summary>
    private static IEnumerable<(string Verb, ulong Site, ulong Value)> Loads(ProbeRun run, string verb, List<(string Verb, ulong Site, ulong Value)> expected)
    {
        HashSet<ulong> sites = [.. expected.Select(load => load.Site)];
        return run.Drain(verb).Cast<RegisterRecord>().Chunk(2).Where(pair => sites.Contains(pair[0].Value)).Select(pair => (verb, pair[0].Value, pair[1].Value));
    }

    private static void Explain(ProbeRun run)
    {
        foreach (var status in run.Session.Probes)
            TestContext.Current.TestOutputHelper?.WriteLine($"{status.Event}: {status.Hits} hits, {status.Filtered} filtered, {status.Lost} lost, {status.Time.TotalMilliseconds} ms");
        foreach (VmiRecord record in run.Drain("default"))
            TestContext.Current.TestOutputHelper?.WriteLine(record.ToString());
        Assert.Null(run.Session.Failure);
        Assert.All(run.Session.Probes, status => Assert.Equal(0, status.Lost));
    }

    private static bool Is64Bit(string kernel) => kernel.EndsWith("amd64", StringComparison.Ordinal);

    private static string Rip(string kernel) => Is64Bit(kernel) ? "RIP" : "EIP";
}
