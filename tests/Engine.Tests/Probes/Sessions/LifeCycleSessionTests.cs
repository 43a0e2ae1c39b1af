using VmiPl.Linux;
using VmiPl.Memory;
using VmiPl.Streams;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Probes.Sessions;

/// <summary>Processes that come and go: page tables that are switched to, and exits.</summary>
[Collection(nameof(SessionGuests))]
[Trait(LabSet.Trait, LabSet.Shim)]
public sealed class LifeCycleSessionTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(SessionGuests.All), MemberType = typeof(SessionGuests))]
    public async Task Every_exit_is_seen_once_and_every_page_table_is_a_process_or_the_idle_one(string kernel, int vcpus)
    {
        int count = FullCounts.Or(20, 1000);
        using GuestLoan loan = await SessionGuests.BorrowAsync(kernel, vcpus);
        // A kernel thread ends with the page table of whoever ran before it: whose end it is stands behind the list.
        // Writes to CR3 have more places than a CPU has debug registers.
        using ProbeRun run = ProbeRun.Start(loan.Guest, $$"""
            {{(TestDriver.HasOnlyDebugRegisters ? "" : "CRWrite(3){ ReadRegister(CR3, #cr3) }")}}
            ExecuteAt(do_exit){ ReadRegister(CR3, #exit) ProcessList(PID, PGDP, #exit) ProcessIs(NAME, "init"){ ReadRegister(CR0, #exit) } }
            """);
        HashSet<ulong> known = [.. Tables(run.Guest)];
        await loan.Guest.CommandAsync($"spawn {count}", Cancel);
        known.UnionWith(Tables(run.Guest));
        List<VmiRecord> exits = run.Stop("exit"), switches = TestDriver.HasOnlyDebugRegisters ? [] : run.Drain("cr3");

        List<int> seen = [], ended = [];
        ulong current = 0;
        foreach (VmiRecord record in exits)
        {
            if (record is RegisterRecord { Register: "CR3" } register)
            {
                current = register.PageDirectory!.Value;
                ended.Clear();
            }
            else if (record is ProcessRecord { PageDirectory: { } table } process)
            {
                known.Add(table);
                if (table == current)
                    ended.Add(process.ProcessId!.Value);
            }
            else if (record is RegisterRecord { Register: "CR0" })
            {
                seen.AddRange(ended);
            }
        }
        Assert.Equal(await loan.Guest.SpawnedAsync(Cancel), seen);
        if (TestDriver.HasOnlyDebugRegisters)
            return;
        Assert.NotEmpty(switches);
        Assert.All(switches.Cast<RegisterRecord>(), record => Assert.Contains(record.PageDirectory!.Value, known));
        Assert.True(switches.Select(record => ((RegisterRecord)record).PageDirectory).Distinct().Count() > 2);
    }

    /// <summary>Tables of processes, and the kernel's own: that of its idle threads, and that through which it writes its own text (a static key may be
    /// switched at any time, as when a busy host makes the guest distrust its clock), where the guest tells of its variables.</summary>
    private static IEnumerable<ulong> Tables(LinuxGuest guest)
    {
        foreach (VmiProcess process in guest.Processes().Processes)
        {
            if (process.PageDirectory is { } table)
                yield return table;
        }
        AddressSpace kernel = guest.OpenKernelSpace();
        string name = guest.Profile.PointerSize == 8 ? "init_top_pgt" : "swapper_pg_dir";
        yield return guest.TryFindSymbol(name, out GuestVirtualAddress own) && kernel.TryTranslate(own, out Translation translation)
            ? translation.Physical.Value : guest.Profile.Location.Root.Value;
        if (!guest.TryFindSymbol("poking_mm", out GuestVirtualAddress poking) && !guest.TryFindSymbol("text_poke_mm", out poking))
            yield break;
        Assert.True(kernel.TryReadPointer(poking, out GuestVirtualAddress mm));
        Assert.True(kernel.TryReadPointer(mm + (ulong)TaskLayout.From(guest.Profile).Pgd, out GuestVirtualAddress pgd));
        Assert.True(kernel.TryTranslate(pgd, out translation));
        yield return translation.Physical.Value;
    }
}
