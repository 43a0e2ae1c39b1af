using VmiPl.Errors;
using VmiPl.Symbols;
using VmiPl.Symbols.Btf;
using VmiPl.Symbols.Kallsyms;

namespace VmiPl.Tests.Symbols;

public sealed class BtfTypesTests
{
    private static BtfTypes Kernel => BtfTypes.TryParse(BtfWriter.Kernel(), 8, VmiLimits.Default)!;

    [Theory]
    [InlineData("tasks", 8)]
    [InlineData("tasks.prev", 16)]
    [InlineData("pid", 24)]          // in a struct in a union, both without a name
    [InlineData("tgid", 28)]
    [InlineData("deep", 32)]
    [InlineData("rcu.prev", 32)]
    [InlineData("comm", 40)]
    [InlineData("bits.byte", 57)]    // a bit field at a byte's start
    [InlineData("mm", 64)]
    public void Members_are_found_by_path_through_anonymous_ones(string member, int offset)
    {
        Assert.True(Kernel.TryGetOffset("task_struct", member, out int found));
        Assert.Equal(offset, found);
    }

    [Theory]
    [InlineData("task_struct", "bits.odd")]   // not at a byte's start
    [InlineData("task_struct", "no_such")]
    [InlineData("task_struct", "mm.next")]    // a pointer is not descended into
    [InlineData("task_struct", "")]
    [InlineData("no_such", "pid")]
    [InlineData("", "pid")]
    public void What_is_not_there_is_not_found(string type, string member) => Assert.False(Kernel.TryGetOffset(type, member, out _));

    [Theory]
    [InlineData("task_struct", 128)]
    [InlineData("list_head", 16)]
    [InlineData("atomic_t", 4)]
    public void Sizes_of_types_are_told(string type, int size)
    {
        Assert.True(Kernel.TryGetSize(type, out int found));
        Assert.Equal(size, found);
    }

    [Theory]
    [InlineData("comm", 16)]
    [InlineData("state", 8)]
    [InlineData("mm", 8)]
    [InlineData("tgid", 4)]
    [InlineData("bits.odd", 1)]
    [InlineData("tasks", 16)]
    public void Sizes_of_members_are_told(string member, int size)
    {
        Assert.True(Kernel.TryGetMemberSize("task_struct", member, out int found));
        Assert.Equal(size, found);
    }

    [Fact]
    public void A_longer_header_is_read_past() =>
        Assert.True(BtfTypes.TryParse(BtfWriter.Kernel(headerBytes: 32), 8, VmiLimits.Default)!.TryGetOffset("task_struct", "comm", out _));

    [Fact]
    public void Types_before_an_unknown_kind_stay()
    {
        var btf = new BtfWriter();
        int number = btf.AddInt("int", 4);
        btf.Composite(4, "before", 4, ("value", number, 0));
        btf.Add(60, "future", 0);
        btf.Composite(4, "behind", 4, ("value", number, 0));
        BtfTypes types = BtfTypes.TryParse(btf.Write(), 8, VmiLimits.Default)!;
        Assert.True(types.TryGetOffset("before", "value", out _));
        Assert.False(types.TryGetOffset("behind", "value", out _));
    }

    [Fact]
    public void Types_that_refer_to_themselves_end()
    {
        var btf = new BtfWriter();
        btf.Composite(4, "self", 4, ("", 1, 0), ("", 1, 0));
        btf.Add(8, "loop", 2);
        btf.Composite(4, "holder", 4, ("member", 2, 0));
        btf.AddArray(4, uint.MaxValue);
        btf.Composite(4, "huge", 4, ("member", 4, 0));
        BtfTypes types = BtfTypes.TryParse(btf.Write(), 8, VmiLimits.Default)!;
        Assert.False(types.TryGetOffset("self", "missing", out _));
        Assert.False(types.TryGetMemberSize("holder", "member", out _));
        Assert.False(types.TryGetMemberSize("huge", "member", out _));
        Assert.False(types.TryGetSize("loop", out _));
    }

    [Fact]
    public void More_types_than_the_limit_are_cut()
    {
        BtfTypes types = BtfTypes.TryParse(BtfWriter.Kernel(), 8, VmiLimits.Default with { MaxBtfTypes = 10 })!;
        Assert.Equal(10, types.Count);
    }

    [Fact]
    public void A_blob_larger_than_the_limit_is_refused() =>
        Assert.Null(BtfTypes.TryParse(BtfWriter.Kernel(), 8, VmiLimits.Default with { MaxBtfBytes = 1000 }));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_kernel_s_blob_is_found_byte_for_byte(bool bySymbols)
    {
        var kernel = new SyntheticKernel();
        KernelImage image = KernelImage.Open(kernel.Memory, kernel.Location, VmiLimits.Default);
        ISymbolTable symbols = bySymbols ? KallsymsDecoder.Find(image, VmiLimits.Default)! : new EmptySymbols();
        BtfTypes? types = BtfFinder.Find(image, symbols, VmiLimits.Default, out ulong start);
        Assert.NotNull(types);
        Assert.Equal(kernel.ImageStart + SyntheticKernel.BtfAt, start);
        Assert.Equal(kernel.Btf, types.Blob.ToArray());
    }
}
