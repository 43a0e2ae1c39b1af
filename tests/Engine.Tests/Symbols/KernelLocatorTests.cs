using System.Buffers.Binary;
using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Tests.Symbols;

public sealed class KernelLocatorTests
{
    public static TheoryData<PagingMode> Modes => [PagingMode.FourLevel, PagingMode.FiveLevel, PagingMode.Legacy32, PagingMode.Pae];

    [Theory]
    [MemberData(nameof(Modes))]
    public void Registers_lead_to_the_kernel(PagingMode mode)
    {
        var kernel = new SyntheticKernel(mode);
        KernelLocation location = KernelLocator.Locate(kernel.Memory, [kernel.Registers]);
        Assert.Equal(mode, location.Mode);
        Assert.Equal(kernel.Root, location.Root);
        Assert.Equal(kernel.ImageStart, location.ImageStart.Value);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void The_kernel_s_own_description_leads_to_it_without_registers(PagingMode mode)
    {
        var kernel = new SyntheticKernel(mode);
        kernel.DescribeItself();
        KernelLocation location = KernelLocator.Locate(kernel.Memory, []);
        Assert.Equal(mode, location.Mode);
        Assert.Equal(SyntheticKernel.KernelTable, location.Root);
        Assert.Equal(kernel.ImageStart, location.ImageStart.Value);
    }

    [Theory]
    [InlineData(PagingMode.FourLevel)]
    [InlineData(PagingMode.FiveLevel)]
    public void The_shape_of_page_tables_leads_to_the_kernel_with_nothing_else(PagingMode mode)
    {
        var kernel = new SyntheticKernel(mode);
        KernelLocation location = KernelLocator.Locate(kernel.Memory, []);
        Assert.Equal(mode, location.Mode);
        Assert.Equal(kernel.ImageStart, location.ImageStart.Value);
    }

    [Theory]
    [InlineData(PagingMode.Legacy32)]
    [InlineData(PagingMode.Pae)]
    public void The_map_of_low_memory_leads_to_a_32_bit_kernel_with_nothing_else(PagingMode mode)
    {
        var kernel = new SyntheticKernel(mode);
        // Large pages from PAGE_OFFSET on, as kernels map low memory, but for the first, which holds the image.
        int width = mode == PagingMode.Legacy32 ? 4 : 8, shift = mode == PagingMode.Legacy32 ? 22 : 21;
        int table = mode == PagingMode.Legacy32 ? (int)kernel.Root.Value + 768 * 4 : (int)kernel.Root.Value + 0x1000;
        for (int i = 2; i < 32; i++)
        {
            if (width == 4)
                BinaryPrimitives.WriteUInt32LittleEndian(kernel.Bytes.AsSpan(table + i * 4), (uint)i << shift | 0x83);
            else
                BinaryPrimitives.WriteUInt64LittleEndian(kernel.Bytes.AsSpan(table + i * 8), (ulong)i << shift | 0x83);
        }
        KernelLocation location = KernelLocator.Locate(kernel.Memory, []);
        Assert.Equal(mode, location.Mode);
        Assert.Equal(kernel.ImageStart, location.ImageStart.Value);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_user_mode_table_under_isolation_leads_to_the_kernel_s_beside_it(PagingMode mode)
    {
        var kernel = new SyntheticKernel(mode);
        ulong user = kernel.Isolate();
        KernelLocation location = KernelLocator.Locate(kernel.Memory, [kernel.RegistersFor(user)]);
        Assert.Equal(user & 0xFFFF_E000, location.Root.Value);
    }

    [Fact]
    public void A_vcpu_that_shows_the_kernel_wins_over_one_that_does_not()
    {
        var kernel = new SyntheticKernel();
        KernelLocation location = KernelLocator.Locate(kernel.Memory, [new VcpuRegisters(), kernel.RegistersFor(0x31_0000), kernel.Registers]);
        Assert.Equal(kernel.Root, location.Root);
    }

    [Fact]
    public void Firmware_is_named_as_the_reason()
    {
        var memory = new ArrayMemory(new byte[1 << 20]);
        VmiException real = Assert.Throws<VmiException>(() => KernelLocator.Locate(memory, [new VcpuRegisters { Rip = 0xFFF0 }]));
        Assert.Equal(VmiErrorCode.KernelNotFound, real.Code);
        Assert.Contains("real mode at 0xfff0", real.Message, StringComparison.Ordinal);
        Assert.Contains("firmware", real.Message, StringComparison.Ordinal);
        VmiException none = Assert.Throws<VmiException>(() => KernelLocator.Locate(memory, []));
        Assert.Equal(VmiErrorCode.KernelNotFound, none.Code);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Tables_that_refer_to_themselves_are_given_up(PagingMode mode)
    {
        byte[] bytes = new byte[1 << 20];
        int width = mode == PagingMode.Legacy32 ? 4 : 8;
        for (int i = 0; i < 4096; i += width)
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(0x1000 + i), 0x1003);
        VcpuRegisters registers = new SyntheticKernel(mode).RegistersFor(0x1000);
        VmiException e = Assert.Throws<VmiException>(() =>
            KernelLocator.Locate(new ArrayMemory(bytes), [registers], VmiLimits.Default with { MaxPageTableEntries = 100_000 }));
        Assert.Equal(VmiErrorCode.KernelNotFound, e.Code);
    }
}
