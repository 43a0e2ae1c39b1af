using System.Diagnostics;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Probes.Placement;
using VmiPl.Symbols;
using VmiPl.TestGuests;
using VmiPl.Tests.Guests;

namespace VmiPl.Tests.Probes.Placement;

/// <summary>The descriptor tables of real guests, where their vCPUs' registers say.</summary>
public sealed class DescriptorTableGuestTests
{
    public static TheoryData<string> Configurations =>
        [.. GuestMatrix.Few.Append(GuestMatrix.Amd64[1]).Where(configuration => configuration.Options.Monitor != MonitorKind.None).Select(configuration => configuration.Name)];

    [Theory]
    [MemberData(nameof(Configurations))]
    public async Task Gates_lead_to_handlers_and_tables_have_their_aliases(string name)
    {
        using GuestLoan loan = await GuestFacts.BorrowAsync(GuestMatrix.Find(name).Options);
        using VmiMachine machine = MachineConnector.OpenProcess(loan.Guest.ProcessId, Errors.VmiLimits.Default);
        LinuxGuest guest = LinuxGuest.Open(machine, cache: null);
        AddressSpace space = guest.OpenKernelSpace();
        IReadOnlyList<VcpuRegisters> registers = RegisterReader.Read(machine);

        VcpuRegisters first = registers[0];
        InterruptGate[] gates = InterruptGates.Read(space, first.IdtBase, first.IdtLimit);
        Assert.Equal("asm_exc_page_fault", guest.Profile.Symbols.FindNearest(new GuestVirtualAddress(gates[14].Handler))?.Name);
        Assert.Equal("asm_exc_divide_error", guest.Profile.Symbols.FindNearest(new GuestVirtualAddress(gates[0].Handler))?.Name);
        Assert.Equal((GateKind.Interrupt, 3), (gates[3].Kind, gates[3].PrivilegeLevel));
        // A 32-bit kernel meets a double fault with a task of its own.
        Assert.Equal(guest.Profile.PointerSize == 8 ? GateKind.Interrupt : GateKind.Task, gates[8].Kind);
        Assert.Equal(guest.Profile.PointerSize == 8, gates[2].StackTable != 0);

        CheckAliases(guest, first.IdtBase, first.IdtLimit + 1, isGdt: false);
        for (int cpu = 0; cpu < registers.Count; cpu++)
        {
            CheckAliases(guest, registers[cpu].GdtBase, registers[cpu].GdtLimit + 1, isGdt: true);
            CheckPerCpu(guest, registers[cpu], cpu);
        }
    }

    private static void CheckAliases(LinuxGuest guest, ulong table, int length, bool isGdt)
    {
        var watch = Stopwatch.StartNew();
        TableAliasList list = TableAliases.Find(guest, table, length);
        TestContext.Current.TestOutputHelper?.WriteLine($"{guest.Profile.Release} 0x{table:x}: {watch.ElapsedMilliseconds} ms, {string.Join(' ', list.Aliases.Select(alias => $"0x{alias.Address:x}{(alias.IsWritable ? "w" : "")}"))}");
        Assert.Null(list.Problem);
        AddressSpace space = guest.OpenKernelSpace();
        byte[] own = new byte[length], other = new byte[length];
        Assert.True(space.TryRead(new GuestVirtualAddress(table), own));
        Assert.Contains(list.Aliases, alias => alias.Address == table);
        // Kernels write a GDT at each switch of tasks; the IDT is made read-only everywhere once it is set up.
        Assert.Equal(isGdt, list.Aliases.Any(alias => alias.IsWritable));
        Assert.True(list.Aliases.Count(alias => alias.Offset == 0) is >= 2 and < 8);
        foreach (TableAlias alias in list.Aliases)
        {
            Assert.True(space.TryRead(new GuestVirtualAddress(alias.Address), other.AsSpan(0, alias.Length)));
            Assert.Equal(own.AsSpan(alias.Offset, alias.Length), other.AsSpan(0, alias.Length));
        }
        if (guest.Profile.TryGetSymbol("page_offset_base", out GuestVirtualAddress at) && space.TryReadUInt64(at, out ulong direct)
            && space.TryTranslate(new GuestVirtualAddress(table), out Translation translation))
            Assert.Contains(list.Aliases, alias => alias.Address == direct + translation.Physical.Value);
        if (guest.Profile.TryGetSymbol("idt_table", out GuestVirtualAddress image) && !isGdt)
            Assert.Contains(list.Aliases, alias => alias.Address == image.Value);
    }

    private static void CheckPerCpu(LinuxGuest guest, VcpuRegisters registers, int cpu)
    {
        if (!guest.Profile.TryGetSymbol("gdt_page", out GuestVirtualAddress page) || !guest.Profile.TryGetSymbol("__per_cpu_offset", out GuestVirtualAddress offsets)
            || !guest.OpenKernelSpace().TryReadUInt64(offsets + 8 * (ulong)cpu, out ulong offset))
            return;
        Assert.Contains(TableAliases.Find(guest, registers.GdtBase, registers.GdtLimit + 1).Aliases, alias => alias.Address == offset + page.Value);
    }
}
