using VmiPl.Errors;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Tests.Symbols;

public sealed class ProfileBuilderTests
{
    public static TheoryData<PagingMode> Modes => KernelLocatorTests.Modes;

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_profile_tells_release_build_id_symbols_and_types(PagingMode mode)
    {
        var kernel = new SyntheticKernel(mode);
        KernelProfile profile = ProfileBuilder.Build(kernel.Memory, [kernel.Registers]);
        Assert.Equal(SyntheticKernel.Release, profile.Release);
        Assert.Equal(SyntheticKernel.BuildIdText, profile.BuildId);
        Assert.Equal(kernel.Symbols.Count, profile.Symbols.Count);
        Assert.True(profile.TryGetOffset("task_struct", "comm", out int offset, out ProfileSource source));
        Assert.Equal((40, ProfileSource.Btf), (offset, source));
        Assert.True(profile.TryGetSymbol("init_task", out GuestVirtualAddress task, out source));
        Assert.Equal((kernel.ImageStart + SyntheticKernel.TopTableAt + 0x2000, ProfileSource.Kallsyms), (task.Value, source));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void The_kernel_s_own_table_is_preferred_so_that_a_process_may_end(PagingMode mode)
    {
        var kernel = new SyntheticKernel(mode);
        KernelProfile profile = ProfileBuilder.Build(kernel.Memory, [kernel.Registers]);
        Assert.Equal(mode, profile.Location.Mode);
        Assert.Equal(SyntheticKernel.KernelTable, profile.Location.Root);
        kernel.FreeRoot();
        Span<byte> banner = stackalloc byte[14];
        Assert.True(profile.Location.OpenSpace(kernel.Memory).TryRead(new GuestVirtualAddress(kernel.ImageStart + SyntheticKernel.BannerAt), banner));
        Assert.True(banner.SequenceEqual("Linux version "u8));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void The_kernel_s_own_table_is_found_by_content_where_it_has_no_symbol(PagingMode mode)
    {
        var kernel = new SyntheticKernel(mode);
        KernelImage image = KernelImage.Open(kernel.Memory, kernel.Location, VmiLimits.Default);
        KernelLocation preferred = KernelRoot.Prefer(kernel.Memory, kernel.Location, new EmptySymbols(), image);
        Assert.Equal(SyntheticKernel.KernelTable, preferred.Root);
    }

    [Fact]
    public void A_kernel_with_neither_symbols_nor_types_is_still_told()
    {
        var kernel = new SyntheticKernel();
        kernel.Bytes.AsSpan(SyntheticKernel.PhysicalOf(SyntheticKernel.KallsymsAt), 0x8_0000).Clear();
        KernelProfile profile = ProfileBuilder.Build(kernel.Memory, [kernel.Registers]);
        Assert.Equal(SyntheticKernel.Release, profile.Release);
        Assert.Equal(SyntheticKernel.BuildIdText, profile.BuildId);
        Assert.Null(profile.Types);
        Assert.Equal(0, profile.Symbols.Count);
    }

    [Fact]
    public void What_was_inferred_answers_where_nothing_else_does()
    {
        var kernel = new SyntheticKernel();
        var profile = new KernelProfile(SyntheticKernel.Release, null, kernel.Location, new EmptySymbols(), null,
            new Dictionary<string, int> { ["task_struct.pid"] = 7, ["sizeof task_struct"] = 99 }, new Dictionary<string, ulong> { ["init_task"] = 0x1234 });
        Assert.True(profile.TryGetOffset("task_struct", "pid", out int offset, out ProfileSource source));
        Assert.Equal((7, ProfileSource.Inferred), (offset, source));
        Assert.True(profile.TryGetSize("task_struct", out int size));
        Assert.Equal(99, size);
        Assert.Contains(new ProfileEntry("ProcessListHead", 0x1234, ProfileSource.Inferred), profile.Entries);
    }

    [Fact]
    public void A_kernel_with_everything_needs_no_inference()
    {
        var kernel = new SyntheticKernel();
        Assert.Empty(ProfileBuilder.Build(kernel.Memory, [kernel.Registers]).InferredOffsets);
    }

    [Fact]
    public void A_Configuration_wins_key_by_key()
    {
        var kernel = new SyntheticKernel();
        KernelProfile found = ProfileBuilder.Build(kernel.Memory, [kernel.Registers]);
        KernelProfile profile = found.WithConfiguration(new Dictionary<string, string>
        {
            ["ProcessListHead"] = "0xc17cdfe0",
            ["processnameoffset"] = "744",
            ["DEntryOffset"] = "12",
            ["SyscallNumberLocation"] = "EAX",
        });
        Assert.Contains(new ProfileEntry("ProcessListHead", 0xC17C_DFE0, ProfileSource.Configuration), profile.Entries);
        Assert.Contains(new ProfileEntry("ProcessNameOffset", 744, ProfileSource.Configuration), profile.Entries);
        Assert.Contains(new ProfileEntry("TasksOffset", 8, ProfileSource.Btf), profile.Entries);
        Assert.True(profile.TryGetOffset("file", "f_path.dentry", out int offset));
        Assert.Equal(12, offset);
        Assert.Equal("EAX", profile.Configuration["SyscallNumberLocation"]);
        Assert.Contains(new ProfileEntry("ProcessNameOffset", 40, ProfileSource.Btf), found.Entries);
    }

    [Theory]
    [InlineData("NoSuchOffset", "1")]
    [InlineData("PIDOffset", "many")]
    [InlineData("PIDOffset", "0x")]
    [InlineData("PIDOffset", "-4")]
    [InlineData("PIDOffset", "4294967296")]
    public void A_Configuration_that_makes_no_sense_is_refused(string key, string value)
    {
        var kernel = new SyntheticKernel();
        KernelProfile profile = ProfileBuilder.Build(kernel.Memory, [kernel.Registers]);
        VmiException e = Assert.Throws<VmiException>(() => profile.WithConfiguration(new Dictionary<string, string> { [key] = value }));
        Assert.Equal((VmiErrorCode.InvalidArgument, key), (e.Code, e.Target));
    }
}
