using VmiPl.Errors;
using VmiPl.Symbols;

namespace VmiPl.Tests.Symbols;

public sealed class ProfileCacheTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"vmipl-{Guid.NewGuid():n}", "profiles");

    private string Entry => Assert.Single(Directory.GetFiles(_folder));

    public void Dispose()
    {
        string parent = Path.GetDirectoryName(_folder)!;
        if (Directory.Exists(parent))
            Directory.Delete(parent, recursive: true);
    }

    private ProfileCache Filled(SyntheticKernel kernel)
    {
        var cache = new ProfileCache(_folder);
        ProfileBuilder.Build(kernel.Memory, [kernel.Registers], cache);
        return cache;
    }

    private static KernelTables? Load(ProfileCache cache, SyntheticKernel kernel) =>
        cache.TryLoad(KernelImage.Open(kernel.Memory, kernel.Location, VmiLimits.Default), VmiLimits.Default);

    [Fact]
    public void A_kernel_seen_before_is_read_without_a_search()
    {
        var kernel = new SyntheticKernel();
        ProfileCache cache = Filled(kernel);
        KernelTables? tables = Load(cache, kernel);
        Assert.NotNull(tables);
        Assert.True(tables.FromCache);
        Assert.Equal(SyntheticKernel.Release, tables.Release);
        Assert.Equal(kernel.Symbols.Count, tables.Symbols!.Count);
        Assert.Equal(kernel.Btf, tables.Types!.Blob.ToArray());
    }

    [Fact]
    public void Files_and_folder_are_the_user_s_alone()
    {
        Filled(new SyntheticKernel());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Entry));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder));
    }

    [Fact]
    public void A_guest_that_claims_another_kernel_s_build_id_does_not_reach_it()
    {
        // The liar has the same id at the same place and types of its own: its entry must not serve the honest one.
        var liar = new SyntheticKernel();
        liar.Bytes[SyntheticKernel.PhysicalOf(SyntheticKernel.BtfAt + liar.Btf.Length - 2)] ^= 1;
        ProfileCache cache = Filled(liar);
        Assert.NotNull(Load(cache, liar));
        var honest = new SyntheticKernel();
        Assert.Null(Load(cache, honest));
        KernelProfile profile = ProfileBuilder.Build(honest.Memory, [honest.Registers], cache);
        Assert.Equal(honest.Symbols.Select(symbol => symbol.Name), profile.Symbols.Enumerate().Select(symbol => symbol.Name));
        Assert.NotNull(Load(cache, honest));
    }

    [Fact]
    public void One_byte_of_the_guest_s_types_or_names_changed_is_a_miss()
    {
        var kernel = new SyntheticKernel();
        ProfileCache cache = Filled(kernel);
        int last = SyntheticKernel.PhysicalOf(SyntheticKernel.BtfAt + kernel.Btf.Length - 2);
        kernel.Bytes[last] ^= 1;
        Assert.Null(Load(cache, kernel));
        kernel.Bytes[last] ^= 1;
        int name = SyntheticKernel.PhysicalOf(SyntheticKernel.KallsymsAt + kernel.Writer.CountAt + 11);
        kernel.Bytes[name] = (byte)(kernel.Bytes[name] == 'x' ? 'y' : 'x');
        Assert.Null(Load(cache, kernel));
    }

    [Fact]
    public void A_damaged_entry_is_a_miss_and_is_replaced()
    {
        var kernel = new SyntheticKernel();
        ProfileCache cache = Filled(kernel);
        byte[] good = File.ReadAllBytes(Entry);
        var random = new Random(1);
        for (int round = 0; round < 300; round++)
        {
            byte[] bad = (byte[])good.Clone();
            for (int i = 0; i <= round % 4; i++)
                bad[random.Next(bad.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(Entry, round % 5 == 0 ? bad[..random.Next(bad.Length)] : bad);
            // What still loads was decoded from the guest and has the hashes the entry asks for.
            if (Load(cache, kernel) is { } tables)
                Assert.Equal(kernel.Symbols.Count, tables.Symbols!.Count);
        }
        File.WriteAllText(Entry, "{");
        ProfileBuilder.Build(kernel.Memory, [kernel.Registers], cache);
        Assert.Equal(good, File.ReadAllBytes(Entry));
    }

    [Fact]
    public void A_folder_that_others_may_write_to_is_not_used()
    {
        var kernel = new SyntheticKernel();
        ProfileCache cache = Filled(kernel);
        File.SetUnixFileMode(_folder, (UnixFileMode)0b111_111_111);
        Assert.Null(Load(cache, kernel));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("/proc/no/such/folder")]
    [InlineData("/dev/null/profiles")]
    public void Where_nothing_can_be_written_nothing_fails(string? folder)
    {
        var kernel = new SyntheticKernel();
        var cache = new ProfileCache(folder);
        Assert.Equal(SyntheticKernel.Release, ProfileBuilder.Build(kernel.Memory, [kernel.Registers], cache).Release);
        Assert.Null(Load(cache, kernel));
    }

    [Fact]
    public void Old_entries_make_room()
    {
        var kernel = new SyntheticKernel();
        Filled(kernel);
        for (int i = 0; i < 60; i++)
        {
            string path = Path.Combine(_folder, $"{i:x40}-10.json");
            File.WriteAllText(path, "{}");
            File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddDays(i));
        }
        File.Delete(Directory.GetFiles(_folder, SyntheticKernel.BuildIdText + "*").Single());
        Filled(kernel);
        string[] left = Directory.GetFiles(_folder);
        Assert.Equal(32, left.Length);
        Assert.Contains(left, path => Path.GetFileName(path).StartsWith(SyntheticKernel.BuildIdText, StringComparison.Ordinal));
    }
}
