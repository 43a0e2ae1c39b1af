using Iced.Intel;
using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Language.Model;
using VmiPl.Memory;
using VmiPl.Probes;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Shim;
using VmiPl.Probes.Shim.Abi;
using VmiPl.Probes.Shim.Sites;
using VmiPl.Probes.Tracking;
using VmiPl.Tests.Probes.Placement;

namespace VmiPl.Tests.Probes.Shim;

/// <summary>How instructions of a kernel that a test writes are trapped.</summary>
public sealed class ShimSitesTests
{
    private static readonly byte[] Endbr = [0xf3, 0x0f, 0x1e, 0xfa], Trace = [0x0f, 0x1f, 0x44, 0x00, 0x00], Xor = [0x31, 0xc0], Return = [0xc3];

    private readonly SyntheticText _text = new();
    private int _next = 0x100;

    [Fact]
    public void Debug_registers_come_first_and_then_the_port()
    {
        ulong[] places = [.. Enumerable.Range(0, 5).Select(i => Function($"f{i}", Xor))];
        ShimSites sites = Sites(TrapKind.Auto);
        SitePlan plan = Commit(sites, places);
        Assert.Equal([AbiTrap.Execute, AbiTrap.Execute, AbiTrap.Execute, AbiTrap.Execute, AbiTrap.Port], plan.Places.Select(place => place.Site.Trap));
        Assert.All(plan.Places.Take(4), place => Assert.Equal(AbiResume.Flag, place.Site.Resume));
        Assert.Equal("debug register", sites.WayOf(Trap(places[0])));
        Assert.Equal("port trap, as no debug register is left", sites.WayOf(Trap(places[4])));
        Assert.Equal(5, plan.Places.Select(place => place.Site.Id).Distinct().Count());
    }

    [Fact]
    public void A_host_that_is_a_virtual_machine_gives_registers_only_to_what_has_no_other_way()
    {
        ulong easy = Function("easy", Xor), one = Function("one", 0xc3);
        ShimSites sites = Sites(TrapKind.Auto, areRegistersDear: true);
        SitePlan plan = Commit(sites, easy, one);
        Assert.Equal((AbiTrap.Port, AbiTrap.Execute), (Place(plan, easy).Site.Trap, Place(plan, one).Site.Trap));
        Assert.Equal("port trap, as the host is a virtual machine itself", sites.WayOf(Trap(easy)));
        Assert.Equal(AbiTrap.Execute, Place(Commit(Sites(TrapKind.Hardware, areRegistersDear: true), easy), easy).Site.Trap);
    }

    [Fact]
    public void Pushes_of_one_byte_are_passed_and_what_they_do_is_known()
    {
        // push rbp; push rbx; mov rbx, rdi
        byte[] pushes = [0x55, 0x53, 0x48, 0x89, 0xfb];
        ulong traced = Function("traced", [.. Trace, .. pushes]), plain = Function("plain", pushes);
        // The loop begins behind the push.
        ulong looped = Function("looped", [0x55, .. Xor, 0x75, 0xfc]), only = Function("only", 0x55);
        ShimSites sites = Sites(TrapKind.Port);
        SitePlan plan = Commit(sites, traced, plain);
        foreach ((ulong place, int behind) in new[] { (traced, 7), (plain, 2) })
        {
            AbiSite site = Place(plan, place).Site;
            Assert.Equal((place + (ulong)behind, -behind, 16u, AbiResume.Move), (site.Address, site.Shown, site.Pushed, site.Resume));
        }
        Assert.Equal("port trap 7 bytes further on", sites.WayOf(Trap(traced)));
        Assert.Contains("begins a loop", Refusal(sites, [Use(Trap(looped))]), StringComparison.Ordinal);
        Assert.Contains("has one byte", Refusal(sites, [Use(Trap(only))]), StringComparison.Ordinal);
        // A breakpoint instruction has room where it belongs.
        Assert.Equal((plain, 0u), (Place(Commit(Sites(TrapKind.Software), plain), plain).Site.Address, Place(Commit(Sites(TrapKind.Software), plain), plain).Site.Pushed));
    }

    [Fact]
    public void Registers_go_to_what_has_no_other_way()
    {
        ulong[] easy = [.. Enumerable.Range(0, 4).Select(i => Function($"f{i}", Xor))];
        ulong push = Function("push", 0x55);
        SitePlan plan = Commit(Sites(TrapKind.Auto), [.. easy, push]);
        Assert.Equal(AbiTrap.Execute, Place(plan, push).Site.Trap);
        Assert.Single(plan.Places, place => place.Site.Trap == AbiTrap.Port);
    }

    [Fact]
    public void Memory_needs_a_register_and_gets_it_before_code_does()
    {
        ulong[] places = [.. Enumerable.Range(0, 4).Select(i => Function($"f{i}", Xor))];
        ShimSites sites = Sites(TrapKind.Auto);
        Commit(sites, places);
        TrapUse[] uses = [.. places.Select(place => Use(Trap(place))), .. Enumerable.Range(0, 4).Select(i => Use(Watch(0xffff_8000_0000_1000 + 8 * (ulong)i, 8)))];
        SitePlan plan = sites.Plan(uses, modulesToo: false);
        sites.Commit(plan);
        Assert.Equal(4, plan.Places.Count(place => place.Site.Trap == AbiTrap.Write));
        Assert.Equal(4, plan.Places.Count(place => place.Site.Trap == AbiTrap.Port));
        // What is out of registers now keeps its port when there are registers again.
        Assert.All(Commit(sites, places).Places, place => Assert.Equal(AbiTrap.Port, place.Site.Trap));
        Assert.Contains("debug register", Refusal(sites, [.. uses, Use(Watch(0xffff_8000_0000_2000, 1))]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4096ul, TrapKind.Hardware)]
    [InlineData(16ul, TrapKind.Hardware)]
    [InlineData(3ul, TrapKind.Auto)]
    public void Memory_that_no_register_watches_is_refused(ulong length, TrapKind kind) =>
        Assert.Contains("up to 8 bytes", Refusal(Sites(kind), [Use(Watch(0xffff_8000_0000_1000, length))]), StringComparison.Ordinal);

    [Theory]
    [InlineData(TrapKind.Auto)]
    [InlineData(TrapKind.Port)]
    public void A_table_is_watched_by_its_page(TrapKind kind)
    {
        ulong table = Function("table", new byte[32]);
        SitePlan plan = Sites(kind).Plan([Use(Watch(table, 16)), Use(Watch(table, 16))], modulesToo: false);
        SitePlace place = Assert.Single(plan.Places);
        Assert.Equal((AbiTrap.Page, AbiResume.None, table, 16u), (place.Site.Trap, place.Site.Resume, place.Site.Address, place.Site.Bytes));
        Assert.NotEqual(0ul, place.Site.Physical);
        Assert.Equal(2, Assert.Single(plan.Uses).Length);
        Assert.False(place.TakesRegister);
        Assert.Empty(place.Changes());
        Assert.Contains("one page", Refusal(Sites(kind), [Use(Watch(table & ~0xffful, 4097))]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_nop_is_passed_and_a_landing_pad_is_executed()
    {
        ulong nop = Function("nop", 0x0f, 0x1f, 0x00), pad = Function("pad", [.. Endbr, .. Xor]);
        SitePlan plan = Commit(Sites(TrapKind.Hardware), nop, pad);
        Assert.Equal((AbiResume.Skip, 3), (Place(plan, nop).Site.Resume, Place(plan, nop).Site.Length));
        Assert.Equal(AbiResume.Flag, Place(plan, pad).Site.Resume);
    }

    [Fact]
    public void Where_a_function_begins_the_site_moves_behind_what_the_kernel_changes()
    {
        ulong traced = Function("traced", [.. Trace, .. Xor]), both = Function("both", [.. Endbr, .. Trace, .. Xor]), poisoned = Function("poisoned", [0x0f, 0x1f, 0x40, 0xd6, .. Trace, .. Xor]);
        SitePlan plan = Commit(Sites(TrapKind.Port), traced, both, poisoned);
        foreach ((ulong start, int offset) in new[] { (traced, 5), (both, 9), (poisoned, 9) })
        {
            AbiSite site = Place(plan, start).Site;
            Assert.Equal((start + (ulong)offset, -offset, 2), (site.Address, site.Shown, site.Length));
            Assert.Equal(Xor, site.Original.First(2));
        }
    }

    [Fact]
    public void A_site_does_not_move_to_where_a_loop_begins()
    {
        // jne back to the xor
        ulong looped = Function("looped", [.. Trace, .. Xor, 0x75, 0xfc]);
        Assert.Contains("loop", Refusal(Sites(TrapKind.Port), [Use(Trap(looped))]), StringComparison.Ordinal);
        ulong padded = Function("padded", [.. Endbr, .. Xor, 0x75, 0xfc]);
        Assert.Equal((padded, AbiResume.Skip), (Commit(Sites(TrapKind.Port), padded).Places[0].Site.Address, Commit(Sites(TrapKind.Port), padded).Places[0].Site.Resume));
    }

    [Fact]
    public void A_landing_pad_that_is_in_use_is_left_alone()
    {
        // Behind it one byte only.
        ulong pad = Function("pad", [.. Endbr, 0x55]);
        Assert.Equal(pad, Commit(Sites(TrapKind.Port), pad).Places[0].Site.Address);
        Assert.Contains("landing pad", Refusal(Sites(TrapKind.Port, hasLandingPads: true), [Use(Trap(pad))]), StringComparison.Ordinal);
    }

    public static TheoryData<string, byte[], string> Refused => new()
    {
        { "one byte", [0x55], "one byte" },
        { "ftrace", [0x0f, 0x1f, 0x44, 0, 0, 0x55], "ftrace" },
        { "traced", [0xe8, 0, 0, 0, 0], "may change" },
        { "jump label", [0x66, 0x90], "may change" },
        { "jmp", [0xe9, 0, 0, 0, 0], "may change" },
        { "int3", [0xcc, 0xcc], "one byte" },
        { "lock", [0xf0, 0x48, 0x0f, 0xc1, 0x07], "may change" },
        { "jcc", [0x74, 0x00], "elsewhere" },
        { "call", [0xff, 0xd0], "elsewhere" },
        { "ud2", [0x0f, 0x0b], "elsewhere" },
        { "ret imm", [0xc2, 0x08, 0x00], "elsewhere" },
        { "syscall", [0x0f, 0x05], "elsewhere" },
        { "sysret", [0x48, 0x0f, 0x07], "elsewhere" },
        { "iretq", [0x48, 0xcf], "elsewhere" },
        { "int", [0xcd, 0x80], "elsewhere" },
        { "rep movsb", [0xf3, 0xa4], "repeated" },
        { "popfw", [0x66, 0x9d], "flag" },
        { "mov ss", [0x8e, 0xd0], "SS" },
        { "lss", [0x48, 0x0f, 0xb2, 0x20], "SS" },
        { "in", [0xe4, 0x60], "port" },
        { "mwait", [0x0f, 0x01, 0xc9], "halts" },
        { "vmcall", [0x0f, 0x01, 0xc1], "elsewhere" },
        { "xbegin", [0xc7, 0xf8, 0, 0, 0, 0], "elsewhere" },
        { "getsec", [0x0f, 0x37], "leaves the guest" },
        { "no instruction", [0x06, 0x06], "certain" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_can_have_no_port_trap_is_refused_with_the_reason(string name, byte[] code, string reason)
    {
        ulong place = Function(name, code);
        string text = Refusal(Sites(TrapKind.Port), [Use(Trap(place))]);
        Assert.Contains(reason, text, StringComparison.Ordinal);
        Assert.Contains($"0x{place:x}", text, StringComparison.Ordinal);
        // A debug register will do.
        Assert.Equal(AbiTrap.Execute, Commit(Sites(TrapKind.Auto), place).Places[0].Site.Trap);
    }

    [Fact]
    public void The_midst_of_an_instruction_is_no_place()
    {
        ulong place = Function("long", 0x48, 0xc7, 0xc0, 0x31, 0xc0, 0, 0);
        Assert.Contains("certain", Refusal(Sites(TrapKind.Port), [Use(Trap(place + 3))]), StringComparison.Ordinal);
        Assert.Contains("no code of the kernel", Refusal(Sites(TrapKind.Port), [Use(Trap(0x40_0000))]), StringComparison.Ordinal);
    }

    [Fact]
    public void Simple_instructions_are_done_by_the_shim()
    {
        ulong push = Function("push", 0x41, 0x57), move = Function("move", 0x48, 0x89, 0xe5), half = Function("half", 0x41, 0x89, 0xf8), load = Function("load", 0x48, 0x8b, 0x7f, 0x70),
            stack = Function("stack", 0x44, 0x8b, 0x4c, 0x24, 0xf0);
        SitePlan plan = Commit(Sites(TrapKind.Port), push, move, half, load, stack);
        Assert.Equal((AbiResume.Push, 15), (Place(plan, push).Site.Resume, Place(plan, push).Site.Source));
        Assert.Equal((AbiResume.Move, 4, 5, 8), Registers(move));
        Assert.Equal((AbiResume.Move, 7, 8, 4), Registers(half));
        Assert.Equal((AbiResume.Load, 7, 7, 8), Registers(load));
        Assert.Equal(0x70, Place(plan, load).Site.Displacement);
        Assert.Equal((AbiResume.Load, 4, 9, 4), Registers(stack));
        Assert.Equal(-16, Place(plan, stack).Site.Displacement);

        (AbiResume, byte, byte, byte) Registers(ulong address)
        {
            AbiSite site = Place(plan, address).Site;
            return (site.Resume, site.Source, site.Target, site.Width);
        }
    }

    [Theory]
    [InlineData("0f22d8")]
    [InlineData("0f30")]
    [InlineData("65488b042540ad0100")]
    [InlineData("488b0510200000")]
    [InlineData("0f011d00100000")]
    [InlineData("488b0488")]
    [InlineData("6aff")]
    [InlineData("4883ec20")]
    [InlineData("833d1000000007")]
    [InlineData("0f20d0")]
    [InlineData("64488b07")]
    public void Others_are_copied_to_where_nothing_runs_and_do_the_same_there(string hex)
    {
        byte[] code = Convert.FromHexString(hex);
        ulong place = Function("place", code);
        AbiSite site = Commit(Sites(TrapKind.Port), place).Places[0].Site;
        Assert.Equal((AbiResume.Step, code.Length), (site.Resume, site.CaveLength));
        Assert.Equal(code, site.Original.First(code.Length));
        AssertCave(site);
        Assert.Equal(Decode(code, place), Decode(site.Copy.First(site.CaveLength), site.Cave));
    }

    [Fact]
    public void No_two_copies_share_room_and_what_is_given_back_is_used_again()
    {
        ulong[] places = [.. Enumerable.Range(0, 20).Select(i => Function($"f{i}", 0x0f, 0x22, 0xd8))];
        ShimSites sites = Sites(TrapKind.Port);
        SitePlan plan = Commit(sites, places);
        Assert.Equal(20, plan.Places.Select(place => place.Site.Cave).Distinct().Count());
        Assert.All(plan.Places, place => AssertCave(place.Site));
        // Without the first, the others stay as they are.
        SitePlan fewer = Commit(sites, places[1..]);
        Assert.Equal(plan.Places[1..].AsEnumerable(), fewer.Places);
        Commit(sites);
        Assert.Equal(plan.Places.Select(place => place.Site.Cave).Order(), Commit(sites, places).Places.Select(place => place.Site.Cave).Order());
    }

    [Fact]
    public void Where_one_is_refused_nothing_is_taken()
    {
        ulong one = Function("one", 0x0f, 0x22, 0xd8), bad = Function("bad", 0x55);
        ShimSites sites = Sites(TrapKind.Port);
        ulong free = Plan(sites, one).Places[0].Site.Cave;
        Refusal(sites, [Use(Trap(one)), Use(Trap(bad))]);
        Assert.Equal(free, Commit(sites, one).Places[0].Site.Cave);
    }

    [Fact]
    public void Code_is_read_as_it_is_without_our_traps()
    {
        ulong one = Function("one", 0x0f, 0x22, 0xd8);
        ShimSites sites = Sites(TrapKind.Port);
        AbiSite site = Commit(sites, one).Places[0].Site;
        // As the shim writes it.
        byte[] trap = [0xe6, 0xe5];
        trap.CopyTo(_text.Memory, (int)site.Physical);
        site.Copy.First(site.CaveLength).CopyTo(_text.Memory, (int)site.CavePhysical);
        var code = new GuestCode(_text.Open());
        code.Refresh(sites.Placed.Changes(), modulesToo: false);
        byte[] read = new byte[8];
        Assert.Equal(8, code.Read(one - 1, read));
        Assert.Equal([0x0f, 0x22, 0xd8], read[1..4]);
        Assert.Equal(3, code.Prove(one)!.Bytes.Length);
        read = new byte[site.CaveLength];
        code.Read(site.Cave, read);
        Assert.Equal(site.CaveOriginal.First(site.CaveLength), read);
    }

    [Fact]
    public void Room_for_entry_code_is_in_entry_code()
    {
        ulong[] others = [.. Enumerable.Range(0, 4).Select(i => Function($"f{i}", Xor))];
        _text.Symbol("__entry_text_start", _text.Image + (ulong)_next);
        ulong entry = Function("entry", 0x0f, 0x22, 0xd8), beside = Function("beside", Xor);
        ulong end = _text.Image + (ulong)_next;
        _text.Symbol("__entry_text_end", end);
        ulong behind = Function("behind", 0x0f, 0x22, 0xd8);
        SitePlan plan = Commit(Sites(TrapKind.Port), entry, behind);
        Assert.InRange(Place(plan, entry).Site.Cave, entry, end - 1);
        Assert.NotInRange(Place(plan, behind).Site.Cave, entry, end - 1);
        Assert.NotEqual(0ul, others[0] + beside);
    }

    [Fact]
    public void Room_that_something_jumps_to_or_runs_into_is_none()
    {
        var text = new SyntheticText();
        text.Memory.AsSpan(SyntheticText.Physical, SyntheticText.Bytes).Fill(0xc3);
        ulong place = text.Function("place", 0x100, [0x0f, 0x22, 0xd8, 0xc3]);
        // Runs on into its padding; jumps into it; has none; is a thunk.
        text.Function("on", 0x200, [0x31, 0xc0, .. Enumerable.Repeat((byte)0x90, 16)]);
        text.Function("jumped", 0x212, [0xeb, 0x02, 0xc3, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90]);
        text.Function("full", 0x21c, [0x31, 0xc0, 0xc3]);
        text.Function("__x86_return_thunk", 0x21f, [0xc3, .. Enumerable.Repeat((byte)0xcc, 16)]);
        text.Function("last", 0x230, [0xc3]);
        var sites = new ShimSites(new GuestCode(text.Open()), new SiteConditions(0xe5, true, false), TrapKind.Port);
        Assert.Contains("no room", Refusal(sites, [Use(Trap(place))]), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_steps_free_of_interrupts_nothing_is_copied()
    {
        ulong place = Function("place", 0x0f, 0x22, 0xd8);
        Assert.Contains("interrupts", Refusal(Sites(TrapKind.Port, canStep: false), [Use(Trap(place))]), StringComparison.Ordinal);
    }

    [Fact]
    public void Behind_the_instruction_means_a_step()
    {
        ulong load = Function("load", 0x0f, 0x01, 0x1d, 0, 0, 0, 0);
        var write = new InstructionPlace { Address = load, Length = 7, Kind = PrivilegedWrite.Idtr, Name = "load", Source = ValueSource.Memory, Bits = 64 };
        var use = new TrapUse(new ExecuteTrap(new NamedAddress(load, null), write), null, null);
        foreach ((TrapKind kind, AbiTrap trap) in new[] { (TrapKind.Auto, AbiTrap.Execute), (TrapKind.Port, AbiTrap.Port) })
        {
            AbiSite site = Sites(kind).Plan([use], modulesToo: false).Places[0].Site;
            Assert.Equal((trap, AbiResume.Step), (site.Trap, site.Resume));
        }
    }

    [Fact]
    public void A_breakpoint_instruction_takes_one_byte()
    {
        ulong push = Function("push", 0x55), ret = Function("one", 0xc3);
        AbiSite site = Commit(Sites(TrapKind.Software), push).Places[0].Site;
        Assert.Equal((AbiTrap.Int3, AbiResume.Push, 5), (site.Trap, site.Resume, site.Source));
        Assert.Contains("elsewhere", Refusal(Sites(TrapKind.Software), [Use(Trap(ret))]), StringComparison.Ordinal);
    }

    /// <summary>Also where others have all registers already; and the driver's own find one left.</summary>
    [Fact]
    public void What_has_no_other_way_gets_a_register()
    {
        ulong[] places = [.. Enumerable.Range(0, 6).Select(i => Function($"f{i}", Xor))];
        ulong push = Function("push", 0x55), own = Function("own", 0x55);
        ShimSites sites = Sites(TrapKind.Auto);
        Assert.Equal(4, Commit(sites, places).Places.Count(place => place.TakesRegister));
        TrapUse[] uses = [.. places.Append(push).Select(place => Use(Trap(place))), new TrapUse(Trap(own), null, _ => { })];
        SitePlan plan = sites.Plan(uses, modulesToo: false);
        Assert.True(plan.HasOwn);
        Assert.Equal(4, plan.Places.Count(place => place.TakesRegister));
        Assert.All((ulong[])[push, own], address => Assert.True(Place(plan, address).TakesRegister));
    }

    [Fact]
    public void The_drivers_own_come_last_all_or_none()
    {
        ulong[] places = [.. Enumerable.Range(0, 3).Select(i => Function($"f{i}", 0x55))];
        ulong[] own = [Function("o1", 0x55), Function("o2", 0x55)];
        ShimSites sites = Sites(TrapKind.Auto);
        TrapUse[] uses = [.. own.Select(place => new TrapUse(Trap(place), null, _ => { })), .. places.Select(place => Use(Trap(place)))];
        SitePlan plan = sites.Plan(uses, modulesToo: false);
        Assert.False(plan.HasOwn);
        Assert.Equal(places.Order(), plan.Places.Select(place => place.Site.Address).Order());
        sites.Discard(plan);
        Assert.True(sites.Plan([uses[0], .. uses[2..]], modulesToo: false) is { HasOwn: true, Places.Length: 4 });
    }

    [Fact]
    public void Two_traps_on_one_instruction_are_refused()
    {
        ulong traced = Function("traced", [.. Trace, 0x48, 0x89, 0xe5]);
        Assert.Contains("same instruction", Refusal(Sites(TrapKind.Port), [Use(Trap(traced)), Use(Trap(traced + 5))]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_kernel_of_32_bits_has_port_traps_too()
    {
        var text = new SyntheticText(PagingMode.Pae);
        // mov eax, [ecx+0x10]; cmp [absolute], 0; push ebp alone
        ulong load = text.Function("load", 0x100, [0x8b, 0x41, 0x10, 0xc3, .. Enumerable.Repeat((byte)0x90, 16)]);
        ulong absolute = text.Function("absolute", 0x120, [0x83, 0x3d, 0x00, 0x10, 0x00, 0xc1, 0x00, 0xc3, .. Enumerable.Repeat((byte)0x90, 16)]);
        ulong move = text.Function("move", 0x140, [0x89, 0xe5, 0xc3, .. Enumerable.Repeat((byte)0x90, 16)]);
        text.Function("end", 0x160, [0xc3]);
        var sites = new ShimSites(new GuestCode(text.Open()), new SiteConditions(0xe5, true, false), TrapKind.Port);
        SitePlan plan = Commit(sites, load, absolute, move);
        Assert.Equal(AbiResume.Step, Place(plan, load).Site.Resume);
        Assert.Equal([0x83, 0x3d, 0x00, 0x10, 0x00, 0xc1, 0x00], Place(plan, absolute).Site.Copy.First(7));
        Assert.Equal((AbiResume.Move, 4), (Place(plan, move).Site.Resume, Place(plan, move).Site.Width));
    }

    [Fact]
    public void Two_registers_are_left_for_copies_that_may_fault()
    {
        // wrmsr may fault, mov cr3 does not.
        ulong msr = Function("msr", 0x0f, 0x30), cr3 = Function("cr3", 0x0f, 0x22, 0xd8);
        ulong[] pushes = [.. Enumerable.Range(0, 3).Select(i => Function($"push{i}", 0x55))];
        ulong[] plain = [.. Enumerable.Range(0, 2).Select(i => Function($"plain{i}", Xor))];
        Assert.Equal(4, Commit(Sites(TrapKind.Auto), [.. plain, cr3, .. pushes[..2]]).Places.Count(place => place.TakesRegister));
        SitePlan plan = Commit(Sites(TrapKind.Auto), [.. plain, msr, .. pushes[..2]]);
        Assert.Equal(2, plan.Places.Count(place => place.TakesRegister));
        Assert.Equal((AbiTrap.Port, AbiSiteFlag.MayFault), (Place(plan, msr).Site.Trap, Place(plan, msr).Site.Flags));
        Assert.Contains("two are needed", Refusal(Sites(TrapKind.Auto), [.. ((ulong[])[.. plain, msr, .. pushes]).Select(place => Use(Trap(place)))]).Replace("2 are", "two are", StringComparison.Ordinal), StringComparison.Ordinal);
        // Where nothing is copied, all four serve.
        Assert.Equal(4, Commit(Sites(TrapKind.Auto), [msr, .. pushes]).Places.Count(place => place.TakesRegister));
    }

    [Theory]
    [InlineData("0f30", true)]
    [InlineData("488b0510200000", true)]
    [InlineData("8ee8", true)]
    [InlineData("0f22d8", false)]
    [InlineData("6aff", false)]
    [InlineData("0f011d00100000", false)]
    [InlineData("488d4708", false)]
    public void What_may_fault_is_known(string hex, bool expected)
    {
        ulong place = Function("place", Convert.FromHexString(hex));
        _text.Symbol("end", _text.Image + (ulong)_next);
        Assert.Equal(expected, DisplacedInstruction.MayFault(new GuestCode(_text.Open()).Prove(place)!));
    }

    private static string Decode(byte[] code, ulong at)
    {
        Decoder decoder = Decoder.Create(64, new ByteArrayCodeReader(code));
        decoder.IP = at;
        decoder.Decode(out Instruction instruction);
        Assert.Equal(code.Length, instruction.Length);
        return instruction.ToString();
    }

    /// <summary>The copy lies in what fills the space behind a function.</summary>
    private void AssertCave(AbiSite site)
    {
        Assert.Equal(SyntheticText.Physical + site.Cave - _text.Image, site.CavePhysical);
        Assert.All(_text.Memory.AsSpan((int)site.CavePhysical, site.CaveLength).ToArray(), value => Assert.Equal(0x90, value));
        Assert.Equal(_text.Memory.AsSpan((int)site.CavePhysical, site.CaveLength).ToArray(), site.CaveOriginal.First(site.CaveLength));
    }

    /// <summary>A function that ends in a return and is followed by padding.</summary>
    private ulong Function(string name, params byte[] code)
    {
        ulong address = _text.Function(name, _next, [.. code, .. Return]);
        _next += 0x30;
        return address;
    }

    private ShimSites Sites(TrapKind kind, bool canStep = true, bool hasLandingPads = false, bool areRegistersDear = false)
    {
        _text.Symbol("end", _text.Image + (ulong)_next);
        return new ShimSites(new GuestCode(_text.Open()), new SiteConditions(0xe5, canStep, hasLandingPads, areRegistersDear), kind);
    }

    private static SitePlan Plan(ShimSites sites, params ulong[] places)
    {
        SitePlan plan = sites.Plan([.. places.Select(place => Use(Trap(place)))], modulesToo: false);
        sites.Discard(plan);
        return plan;
    }

    private static SitePlan Commit(ShimSites sites, params ulong[] places)
    {
        SitePlan plan = sites.Plan([.. places.Select(place => Use(Trap(place)))], modulesToo: false);
        sites.Commit(plan);
        return plan;
    }

    private static string Refusal(ShimSites sites, TrapUse[] uses)
    {
        VmiException refused = Assert.Throws<VmiException>(() => sites.Plan(uses, modulesToo: false));
        Assert.Equal(VmiErrorCode.TrapRefused, refused.Code);
        return refused.Message;
    }

    private static SitePlace Place(SitePlan plan, ulong address) => plan.Places.Single(place => place.Key.Address == address);

    private static ExecuteTrap Trap(ulong address) => new(new NamedAddress(address, null));

    private static WatchTrap Watch(ulong address, ulong length) => new(new NamedAddress(address, null), length, OnRead: false);

    private static TrapUse Use(Trap trap) => new(trap, null, null);
}
