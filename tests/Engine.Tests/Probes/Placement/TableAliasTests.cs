using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Probes.Placement;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.Placement;

public sealed class TableAliasTests
{
    [Theory]
    [InlineData(PagingMode.FourLevel)]
    [InlineData(PagingMode.FiveLevel)]
    [InlineData(PagingMode.Pae)]
    [InlineData(PagingMode.Legacy32)]
    public void All_mappings_of_the_pages_are_found(PagingMode mode)
    {
        var text = new SyntheticText(mode);
        ulong table = text.Image + 0x20_0000, other = text.Image + 0x40_0000, large = text.Image + 0x80_0000;
        // Two pages that do not lie side by side, read-only where the register points; a large page over all of it; a user's mapping.
        text.Tables.Map(table, 0x10_3000, rights: PageRights.None);
        text.Tables.Map(table + 0x1000, 0x10_8000, rights: PageRights.None);
        text.Tables.Map(other, 0x10_8000, rights: PageRights.Writable);
        text.Tables.Map(large, 0, PageTableBuilder.PageSizes(mode)[1], PageRights.Writable);
        text.Tables.Map(0x1000, 0x10_3000);
        TableAliasList list = TableAliases.Find(text.Open(), table + 0xF00, 0x200);
        Assert.Null(list.Problem);
        Assert.Equal(
            [
                new TableAlias(text.Image + 0x3F00, 0, 0x100, true), new TableAlias(table + 0xF00, 0, 0x100, false), new TableAlias(large + 0x10_3F00, 0, 0x100, true),
                new TableAlias(text.Image + 0x8000, 0x100, 0x100, true), new TableAlias(table + 0x1000, 0x100, 0x100, false),
                new TableAlias(other, 0x100, 0x100, true), new TableAlias(large + 0x10_8000, 0x100, 0x100, true),
            ], list.Aliases);
    }

    [Fact]
    public void A_table_that_is_not_mapped_is_said()
    {
        var text = new SyntheticText();
        TableAliasList list = TableAliases.Find(text.Open(), text.Image + SyntheticText.Bytes - 8, 16);
        Assert.Equal([new TableAlias(text.Image + SyntheticText.Bytes - 8, 0, 8, true)], list.Aliases);
        Assert.NotNull(list.Problem);
        Assert.NotNull(TableAliases.Find(text.Open(), ulong.MaxValue - 3, 0x1000).Problem);
    }

    /// <summary>A top table that refers to itself maps every page of tables over and over.</summary>
    [Fact]
    public void Tables_that_map_it_without_end_are_cut()
    {
        var text = new SyntheticText();
        for (int i = 256; i < 511; i++)
            text.Tables.PutEntry(text.Tables.Root.Value + (ulong)i * 8, text.Tables.Root.Value | 0x63);
        Assert.NotNull(TableAliases.Find(text.Open(new VmiLimits { MaxPageTableEntries = 100_000 }), text.Image, 16).Problem);
    }

    [Fact]
    public void No_more_aliases_than_the_limit_are_noted()
    {
        var text = new SyntheticText();
        text.Tables.MapRun(text.Image + 0x20_0000, SyntheticText.Physical, 0x1000);
        for (ulong i = 0; i < 20; i++)
            text.Tables.Map(text.Image + 0x40_0000 + i * 0x1000, SyntheticText.Physical);
        TableAliasList list = TableAliases.Find(text.Open(new VmiLimits { MaxTableAliases = 10 }), text.Image, 16);
        Assert.Equal(10, list.Aliases.Length);
        Assert.NotNull(list.Problem);
    }

    [Fact]
    public void Random_tables_end_in_aliases_that_are_true()
    {
        var random = new Random(3);
        for (int round = 0; round < 50; round++)
        {
            var text = new SyntheticText(round % 2 == 0 ? PagingMode.FourLevel : PagingMode.Legacy32);
            // Entries that lead into the tables themselves and all over memory.
            for (int i = 0; i < 400; i++)
                text.Tables.PutEntry(text.Tables.Root.Value + (ulong)random.Next(0x800) * 8, (ulong)random.NextInt64(0x20_0000));
            TableAliasList list = TableAliases.Find(text.Open(new VmiLimits { MaxPageTableEntries = 200_000, MaxTableAliases = 100 }), text.Image + 0x800, 0x1000);
            AddressSpace space = text.Tables.Space();
            foreach (IGrouping<int, TableAlias> piece in list.Aliases.GroupBy(alias => alias.Offset))
            {
                Assert.Single(piece.Select(alias => space.TryTranslate(new GuestVirtualAddress(alias.Address), out Translation translation) ? translation.Physical.Value : 0).Distinct());
                Assert.All(piece, alias => Assert.InRange(alias.Length, 1, 0x1000));
            }
        }
    }
}
