using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Machines.Dump;
using VmiPl.Memory;
using VmiPl.TestGuests;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Machines.Dump;

/// <summary>Dumps that QEMU writes of a real guest, against that guest's memory while it is paused.</summary>
public sealed partial class QemuDumpTests
{
    private const int MiB = 256;
    // The VGA window is memory or not as the display adapter is set; QEMU's two commands see it differently.
    private const ulong VgaStart = 0xA_0000, VgaEnd = 0xC_0000;

    public static TheoryData<string> Kernels => ["amd64", "i386", "i386-pae"];

    [Theory]
    [MemberData(nameof(Kernels))]
    public async Task Dumps_of_a_real_guest_are_its_memory(string name)
    {
        GuestKernel kernel = name switch { "amd64" => GuestKernel.Amd64_6_1, "i386" => GuestKernel.I386, _ => GuestKernel.I386Pae };
        if (GuestRequirements.Missing(kernel) is { Count: > 0 } missing)
            Assert.Skip("Test guests need " + string.Join("; ", missing));
        await using TestGuest guest = await TestGuest.StartAsync(new GuestOptions { Kernel = kernel, MemoryMiB = MiB, Vcpus = 2 }, TestContext.Current.CancellationToken);
        using var qmp = new QmpSocket(guest.MonitorPath!);
        qmp.Execute("stop");
        string raw = Path.Combine(guest.Folder, "raw"), plain = Path.Combine(guest.Folder, "plain"), paged = Path.Combine(guest.Folder, "paged"), saved = Path.Combine(guest.Folder, "saved");
        qmp.Execute("pmemsave", new { val = 0, size = MiB << 20, filename = raw });
        qmp.Execute("dump-guest-memory", new { paging = false, protocol = "file:" + plain });
        qmp.Execute("dump-guest-memory", new { paging = true, protocol = "file:" + paged });
        string registers = qmp.Human("info registers -a");

        using VmiMachine truth = DumpFile.Open(raw);
        using VmiMachine core = DumpFile.Open(plain);
        using VmiMachine virtualCore = DumpFile.Open(paged);
        AssertSameMemory(truth, core);
        AssertSameMemory(truth, virtualCore);
        AssertRegisters(core, registers, name);
        AssertRegisters(virtualCore, registers, name);

        SaveResult result = CoreWriter.Write(core, saved, core.SavedRegisters, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(0UL, result.UnreadableBytes);
        using VmiMachine again = DumpFile.Open(saved);
        Assert.Equal(core.GetMemory().Ranges, again.GetMemory().Ranges);
        AssertSameMemory(truth, again);
        Assert.Equal(core.SavedRegisters.Select(r => r with { Machine = "saved" }), again.SavedRegisters);
        AssertReadElf(saved, again);
        AssertTranslates(again, name);

        string compressed = Path.Combine(guest.Folder, "kdump");
        qmp.Execute("dump-guest-memory", new { paging = false, protocol = "file:" + compressed, format = "kdump-zlib" });
        VmiException e = Assert.Throws<VmiException>(() => DumpFile.Open(compressed));
        Assert.Equal(VmiErrorCode.NotSupported, e.Code);
        Assert.Contains("kdump", e.Message, StringComparison.Ordinal);
    }

    private static void AssertSameMemory(VmiMachine truth, VmiMachine dump)
    {
        byte[] expected = new byte[1 << 20], actual = new byte[1 << 20];
        ulong compared = 0;
        foreach (PhysicalRange range in dump.GetMemory().Ranges)
        {
            for (ulong at = range.Start.Value; at < range.End.Value && at < (ulong)MiB << 20; at += (ulong)actual.Length)
            {
                int length = (int)Math.Min((ulong)actual.Length, range.End.Value - at);
                Assert.Equal(length, dump.GetMemory().Read(new GuestPhysicalAddress(at), actual.AsSpan(0, length)));
                Assert.Equal(length, truth.GetMemory().Read(new GuestPhysicalAddress(at), expected.AsSpan(0, length)));
                if (at < VgaEnd && at + (ulong)length > VgaStart)
                {
                    int from = (int)(Math.Max(VgaStart, at) - at), to = (int)Math.Min((ulong)length, VgaEnd - at);
                    actual.AsSpan(from, to - from).Clear();
                    expected.AsSpan(from, to - from).Clear();
                }
                Assert.Equal(-1, Difference(expected.AsSpan(0, length), actual.AsSpan(0, length)));
                compared += (ulong)length;
            }
        }
        Assert.InRange(compared, (ulong)(MiB - 1) << 20, (ulong)MiB << 20);
    }

    private static int Difference(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        int same = a.CommonPrefixLength(b);
        return same == a.Length ? -1 : same;
    }

    private static void AssertRegisters(VmiMachine core, string text, string name)
    {
        Assert.Equal(name == "amd64" ? "x86_64" : "i386", core.Architecture);
        Assert.Equal(2, core.VcpuCount);
        string[] vcpus = text.Split("CPU#")[1..];
        Assert.Equal(2, vcpus.Length);
        for (int i = 0; i < 2; i++)
        {
            VcpuRegisters r = core.SavedRegisters[i];
            Assert.Equal(i, r.Vcpu);
            Assert.Equal(Named(vcpus[i], "CR0"), r.Cr0);
            Assert.Equal(Named(vcpus[i], "CR2"), r.Cr2);
            Assert.Equal(Named(vcpus[i], "CR3"), r.Cr3);
            Assert.Equal(Named(vcpus[i], "CR4"), r.Cr4);
            Assert.Equal(Named(vcpus[i], name == "amd64" ? "RIP" : "EIP"), r.Rip);
            Assert.Equal(Named(vcpus[i], name == "amd64" ? "RSP" : "ESP"), r.Rsp);
            Assert.Equal(Named(vcpus[i], "IDT"), r.IdtBase);
            Assert.Equal(Named(vcpus[i], "CPL"), (ulong)r.Cpl);
            Assert.Equal(name == "amd64", r.Is64Bit);
            Assert.Equal(Named(vcpus[i], "EFER") & 0x500, r.Efer);
        }
    }

    /// <summary>The first number behind a name in the text of <c>info registers</c>.</summary>
    private static ulong Named(string text, string name)
    {
        Match match = Regex.Match(text, $@"\b{name}\s*=\s*([0-9a-fA-F]+)");
        Assert.True(match.Success, name);
        return ulong.Parse(match.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    /// <summary>The registers lead through the page tables: the interrupt table is mapped, and its gates lead to code that is.</summary>
    private static void AssertTranslates(VmiMachine core, string name)
    {
        PagingMode mode = name switch { "amd64" => PagingMode.FourLevel, "i386" => PagingMode.Legacy32, _ => PagingMode.Pae };
        VcpuRegisters r = core.SavedRegisters[0];
        var space = new AddressSpace(core.GetMemory(), mode, new GuestPhysicalAddress(r.Cr3));
        byte[] gates = new byte[256 * (name == "amd64" ? 16 : 8)];
        Assert.Equal(gates.Length, space.Read(new GuestVirtualAddress(r.IdtBase), gates));
        ulong handler = name == "amd64"
            ? BitConverter.ToUInt16(gates, 0) | (ulong)BitConverter.ToUInt16(gates, 6) << 16 | (ulong)BitConverter.ToUInt32(gates, 8) << 32
            : BitConverter.ToUInt16(gates, 0) | (ulong)BitConverter.ToUInt16(gates, 6) << 16;
        Assert.True(space.TryTranslate(new GuestVirtualAddress(handler), out Translation code));
        Assert.True(code.Executable);
    }

    private static void AssertReadElf(string path, VmiMachine machine)
    {
        if (!File.Exists("/usr/bin/readelf"))
            return;
        using Process readelf = Process.Start(new ProcessStartInfo("readelf", ["-hlWn", path]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = readelf.StandardError.ReadToEndAsync();
        string text = readelf.StandardOutput.ReadToEnd();
        Assert.Equal("", errors.GetAwaiter().GetResult());
        Assert.Contains("CORE (Core file)", text, StringComparison.Ordinal);
        Assert.Equal(machine.GetMemory().Ranges.Count, LoadLine().Count(text));
        Assert.Equal(2, Regex.Count(text, "NT_PRSTATUS"));
    }

    [GeneratedRegex(@"^\s+LOAD\s", RegexOptions.Multiline)]
    private static partial Regex LoadLine();
}
