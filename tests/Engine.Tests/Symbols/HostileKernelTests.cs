using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;
using VmiPl.Symbols.Btf;
using VmiPl.Symbols.Kallsyms;

namespace VmiPl.Tests.Symbols;

/// <summary>Guests whose tables are cut or corrupted at random, by a seeded generator. Whatever is read of them must end, with
/// a <see cref="VmiException"/>, nothing, or a table whose every entry can be read.</summary>
public sealed class HostileKernelTests
{
    private static readonly VmiLimits Limits = VmiLimits.Default with { MaxSymbols = 20_000, MaxPageTableEntries = 200_000 };

    [Theory]
    [InlineData(KallsymsOrder.AddressesFirst, KallsymsAddresses.BaseRelative, PagingMode.FourLevel, 20_000)]
    [InlineData(KallsymsOrder.SequencesInside, KallsymsAddresses.AbsolutePercpu, PagingMode.FourLevel, 10_000)]
    [InlineData(KallsymsOrder.AddressesLast, KallsymsAddresses.PlaceRelative, PagingMode.FourLevel, 10_000)]
    [InlineData(KallsymsOrder.AddressesLast, KallsymsAddresses.Absolute, PagingMode.Legacy32, 10_000)]
    public void Corrupted_kallsyms_end_in_nothing_or_a_readable_table(KallsymsOrder order, KallsymsAddresses addresses, PagingMode mode, int rounds)
    {
        var kernel = new SyntheticKernel(mode, order, addresses);
        KallsymsTable whole = KallsymsDecoder.Find(KernelImage.Open(kernel.Memory, kernel.Location, Limits), Limits)!;
        // The run that holds the table alone: a mutation elsewhere would not matter.
        int start = SyntheticKernel.PhysicalOf(SyntheticKernel.KallsymsAt), length = (whole.Place.Length + 0x1FFF) & ~0xFFF;
        byte[] good = kernel.Bytes.AsSpan(start, length).ToArray();
        int decoded = 0;
        var random = new Random(20_260_101 + (int)order);
        KernelLocation narrow = kernel.Location with { ImageStart = kernel.Location.ImageStart + SyntheticKernel.KallsymsAt, ImageLength = (ulong)length };
        KernelImage all = KernelImage.Open(kernel.Memory, kernel.Location, Limits), image = KernelImage.Open(kernel.Memory, narrow, Limits);
        for (int round = 0; round < rounds; round++)
        {
            Mutate(random, kernel.Bytes.AsSpan(start, length));
            // Half of the time by its place, with the image's bounds as they are, half of the time by a search.
            KallsymsTable? table = round % 2 == 0
                ? KallsymsDecoder.TryDecode(all, whole.Place, Limits)
                : KallsymsDecoder.Find(image, Limits);
            if (table is not null)
            {
                decoded++;
                Assert.InRange(table.Count, 1, Limits.MaxSymbols);
                if (decoded % 8 == 0)
                    Assert.Equal(table.Count, table.Enumerate().Count());
                table.TryFind("linux_banner", out _);
                table.FindNearest(new GuestVirtualAddress(kernel.ImageStart + (ulong)random.Next(1 << 20)));
            }
            good.CopyTo(kernel.Bytes.AsSpan(start));
        }
        // Both outcomes must have been seen, or the test tests nothing.
        Assert.InRange(decoded, 1, rounds - 1);
    }

    [Fact]
    public void Corrupted_types_end_in_nothing_or_answers()
    {
        const int Rounds = 50_000;
        byte[] good = BtfWriter.Kernel();
        var random = new Random(20_260_102);
        int parsed = 0, answered = 0;
        for (int round = 0; round < Rounds; round++)
        {
            byte[] blob = (byte[])good.Clone();
            Mutate(random, round % 2 == 0 ? blob : blob.AsSpan(0, 700));
            if (round % 16 == 0)
                blob = blob[..random.Next(blob.Length)];
            BtfTypes? types = BtfTypes.TryParse(blob, 8, Limits);
            if (types is null)
                continue;
            parsed++;
            foreach (string member in (string[])["pid", "comm", "tasks.prev", "bits.odd", "rcu.next", "mm"])
                answered += types.TryGetOffset("task_struct", member, out int offset) && offset >= 0 && types.TryGetMemberSize("task_struct", member, out _) ? 1 : 0;
            types.TryGetSize("task_struct", out _);
            types.TryGetSize("filler_299", out _);
        }
        Assert.InRange(parsed, 1, Rounds - 1);
        Assert.InRange(answered, 1, 6 * parsed);
    }

    [Theory]
    [InlineData(PagingMode.FourLevel, false)]
    [InlineData(PagingMode.FiveLevel, true)]
    [InlineData(PagingMode.Legacy32, true)]
    [InlineData(PagingMode.Pae, false)]
    public void A_guest_corrupted_anywhere_ends_in_an_error_or_a_profile(PagingMode mode, bool withRegisters)
    {
        const int Rounds = 200;
        var kernel = new SyntheticKernel(mode);
        kernel.DescribeItself();
        byte[] good = (byte[])kernel.Bytes.Clone();
        var random = new Random(20_260_103);
        int found = 0;
        for (int round = 0; round < Rounds; round++)
        {
            // Page tables, the kernel's text about itself, its read-only data.
            (int start, int length) = (round % 4) switch
            {
                0 => (0x1000, 0x6000),
                1 => (0x31_0000, 0x200),
                2 => (SyntheticKernel.PhysicalOf(SyntheticKernel.BannerAt), 0x800),
                _ => (SyntheticKernel.PhysicalOf(SyntheticKernel.KallsymsAt), 0x8_0000),
            };
            Mutate(random, kernel.Bytes.AsSpan(start, length));
            try
            {
                KernelProfile profile = ProfileBuilder.Build(kernel.Memory, withRegisters ? [kernel.Registers] : [], null, Limits);
                Assert.NotEmpty(profile.Release);
                found++;
            }
            catch (VmiException e)
            {
                Assert.Contains(e.Code, (VmiErrorCode[])[VmiErrorCode.KernelNotFound, VmiErrorCode.LimitExceeded, VmiErrorCode.GuestDataInvalid]);
            }
            good.AsSpan(start, length).CopyTo(kernel.Bytes.AsSpan(start));
        }
        Assert.InRange(found, 1, Rounds);
    }

    [Fact]
    public void An_image_made_of_token_tables_ends()
    {
        // Many chance hits: each must cost little, and all together no more than the budget.
        var kernel = new SyntheticKernel();
        int tables = SyntheticKernel.PhysicalOf(SyntheticKernel.KallsymsAt);
        KallsymsTable whole = KallsymsDecoder.Find(KernelImage.Open(kernel.Memory, kernel.Location, Limits), Limits)!;
        int tokens = (int)(whole.Place.Digits - kernel.ImageStart) - SyntheticKernel.KallsymsAt - 200;
        byte[] piece = kernel.Bytes.AsSpan(tables + tokens, 2048).ToArray();
        for (int at = 0; at + piece.Length <= 0x8_0000; at += piece.Length)
            piece.CopyTo(kernel.Bytes.AsSpan(tables + at));
        Assert.Null(KallsymsDecoder.Find(KernelImage.Open(kernel.Memory, kernel.Location, Limits), Limits));
    }

    /// <summary>One of: some bytes changed, a word replaced by an edge value, a piece zeroed, moved or cut off.</summary>
    private static void Mutate(Random random, Span<byte> bytes)
    {
        int at = random.Next(bytes.Length), length = Math.Min(1 + random.Next(64), bytes.Length - at);
        switch (random.Next(6))
        {
            case 0:
                for (int i = 0; i <= random.Next(8); i++)
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                break;
            case 1:
                int word = Math.Min(at & ~3, bytes.Length - 4);
                BitConverter.TryWriteBytes(bytes[word..], ((uint[])[0, 1, uint.MaxValue, int.MaxValue, 0x8000_0000, (uint)random.Next(4096)])[random.Next(6)]);
                break;
            case 2:
                bytes.Slice(at, length).Clear();
                break;
            case 3:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 4:
                random.NextBytes(bytes.Slice(at, length));
                break;
            default:
                bytes[at..].Clear();
                break;
        }
    }
}
