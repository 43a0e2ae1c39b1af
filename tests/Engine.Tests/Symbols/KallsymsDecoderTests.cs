using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;
using VmiPl.Symbols.Kallsyms;

namespace VmiPl.Tests.Symbols;

public sealed class KallsymsDecoderTests
{
    private static KallsymsTable? Decode(SyntheticKernel kernel) =>
        KallsymsDecoder.Find(KernelImage.Open(kernel.Memory, kernel.Location, VmiLimits.Default), VmiLimits.Default);

    public static TheoryData<PagingMode, KallsymsOrder, KallsymsAddresses> Layouts()
    {
        var data = new TheoryData<PagingMode, KallsymsOrder, KallsymsAddresses>();
        foreach (PagingMode mode in (PagingMode[])[PagingMode.FourLevel, PagingMode.Legacy32])
        {
            foreach (KallsymsOrder order in Enum.GetValues<KallsymsOrder>())
            {
                foreach (KallsymsAddresses addresses in Enum.GetValues<KallsymsAddresses>())
                {
                    // Place-relative addresses came after the last change of order.
                    if (addresses != KallsymsAddresses.PlaceRelative || order == KallsymsOrder.AddressesLast)
                        data.Add(mode, order, addresses);
                }
            }
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Every_symbol_of_every_layout_is_decoded(PagingMode mode, KallsymsOrder order, KallsymsAddresses addresses)
    {
        var kernel = new SyntheticKernel(mode, order, addresses);
        KallsymsTable? table = Decode(kernel);
        Assert.NotNull(table);
        Assert.Equal(kernel.Symbols, table.Enumerate().Select(symbol => (symbol.Name, symbol.Type, symbol.Address)));
    }

    [Theory]
    [InlineData(8, 8, false)]   // before 4.20
    [InlineData(4, 8, false)]   // before 6.1
    [InlineData(4, 4, true)]    // 7.0 on: labels aligned to 4 bytes
    public void Markers_of_both_widths_alignments_and_name_lengths_are_read(int markerBytes, int alignment, bool longNames)
    {
        var kernel = new SyntheticKernel();
        var symbols = kernel.Symbols.Where(symbol => longNames || symbol.Name.Length < 128).ToList();
        var writer = new KallsymsWriter(kernel.ImageStart + SyntheticKernel.KallsymsAt)
        {
            Order = alignment == 4 ? KallsymsOrder.AddressesLast : KallsymsOrder.AddressesFirst,
            Addresses = alignment == 4 ? KallsymsAddresses.PlaceRelative : KallsymsAddresses.BaseRelative,
            MarkerBytes = markerBytes,
            Alignment = alignment,
            LongNames = longNames,
        };
        int at = SyntheticKernel.PhysicalOf(SyntheticKernel.KallsymsAt);
        kernel.Bytes.AsSpan(at, SyntheticKernel.BtfAt - SyntheticKernel.KallsymsAt).Clear();
        writer.Write(symbols).CopyTo(kernel.Bytes.AsSpan(at));
        KallsymsTable? table = Decode(kernel);
        Assert.NotNull(table);
        Assert.Equal(symbols, table.Enumerate().Select(symbol => (symbol.Name, symbol.Type, symbol.Address)));
    }

    [Fact]
    public void A_name_of_a_long_one_byte_length_is_read_as_old_kernels_wrote_it()
    {
        var kernel = new SyntheticKernel();
        string name = string.Concat(Enumerable.Repeat("q7", 70));
        var symbols = kernel.Symbols.Where(symbol => symbol.Name.Length < 128).Append((name, 'b', kernel.ImageStart + 0x1F_FFF0)).OrderBy(symbol => symbol.Item3).ToList();
        var writer = new KallsymsWriter(0) { Order = KallsymsOrder.AddressesFirst, Addresses = KallsymsAddresses.Absolute, LongNames = false };
        int at = SyntheticKernel.PhysicalOf(SyntheticKernel.KallsymsAt);
        kernel.Bytes.AsSpan(at, SyntheticKernel.BtfAt - SyntheticKernel.KallsymsAt).Clear();
        writer.Write(symbols).CopyTo(kernel.Bytes.AsSpan(at));
        KallsymsTable? table = Decode(kernel);
        Assert.NotNull(table);
        Assert.True(table.TryFind(name, out GuestVirtualAddress address));
        Assert.Equal(kernel.ImageStart + 0x1F_FFF0, address.Value);
    }

    [Fact]
    public void Names_are_found_and_addresses_have_a_nearest_symbol()
    {
        var kernel = new SyntheticKernel(addresses: KallsymsAddresses.AbsolutePercpu);
        KallsymsTable table = Decode(kernel)!;
        foreach ((string name, _, ulong address) in kernel.Symbols)
        {
            Assert.True(table.TryFind(name, out GuestVirtualAddress found), name);
            Assert.Equal(address, found.Value);
        }
        Assert.False(table.TryFind("sys_no_such", out _));
        Assert.False(table.TryFind("", out _));
        Assert.Equal("_stext", table.FindNearest(new GuestVirtualAddress(kernel.ImageStart + 0xFF))!.Name);
        Assert.Equal("sys_0_read_0", table.FindNearest(new GuestVirtualAddress(kernel.ImageStart + 0x13F))!.Name);
        Assert.Equal("_end", table.FindNearest(new GuestVirtualAddress(ulong.MaxValue))!.Name);
        Assert.Equal("fixed_percpu_data", table.FindNearest(new GuestVirtualAddress(0))!.Name);
    }

    [Fact]
    public void An_address_before_the_first_symbol_has_none()
    {
        KallsymsTable table = Decode(new SyntheticKernel())!;
        Assert.Null(table.FindNearest(new GuestVirtualAddress(0x1000)));
    }

    [Fact]
    public void More_symbols_than_the_limit_are_refused()
    {
        var kernel = new SyntheticKernel();
        VmiLimits limits = VmiLimits.Default with { MaxSymbols = kernel.Symbols.Count - 1 };
        Assert.Null(KallsymsDecoder.Find(KernelImage.Open(kernel.Memory, kernel.Location, limits), limits));
    }

    [Fact]
    public void A_table_is_decoded_again_from_its_place()
    {
        var kernel = new SyntheticKernel();
        KernelImage image = KernelImage.Open(kernel.Memory, kernel.Location, VmiLimits.Default);
        KallsymsTable table = Decode(kernel)!;
        KallsymsTable? again = KallsymsDecoder.TryDecode(image, table.Place, VmiLimits.Default);
        Assert.NotNull(again);
        Assert.Equal(table.Fingerprint(image), again.Fingerprint(image));
        Assert.Null(KallsymsDecoder.TryDecode(image, table.Place with { Digits = table.Place.Digits + 1 }, VmiLimits.Default));
        Assert.Null(KallsymsDecoder.TryDecode(image, table.Place with { Start = 0 }, VmiLimits.Default));
    }
}
