using System.Runtime.InteropServices;
using VmiPl.Compilation.Bytecode;
using VmiPl.Compilation.Sites;
using VmiPl.Errors;
using VmiPl.Language.Model;
using VmiPl.Machines.ProcessMemory;
using VmiPl.Probes.Placement;
using VmiPl.Probes.Shim.Abi;
using VmiPl.Probes.Shim.Sites;
using VmiPl.Probes.Tracking;

namespace VmiPl.Probes.Shim;

/// <summary>What requests carry. Stateless.</summary>
internal static class ShimRequests
{
    private static readonly GuestRegister[] ByNumber =
    [
        GuestRegister.Rax, GuestRegister.Rcx, GuestRegister.Rdx, GuestRegister.Rbx, GuestRegister.Rsp, GuestRegister.Rbp, GuestRegister.Rsi, GuestRegister.Rdi,
        GuestRegister.R8, GuestRegister.R9, GuestRegister.R10, GuestRegister.R11, GuestRegister.R12, GuestRegister.R13, GuestRegister.R14, GuestRegister.R15,
    ];

    /// <summary>The architecture's number of a general register.</summary>
    public static byte Number(GuestRegister register) => (byte)Array.IndexOf(ByNumber, register);

    /// <summary>The guest's memory.</summary>
    public static byte[] Memory(RamMap map) =>
        ShimProtocol.Bytes<AbiRange>([.. map.Pieces.Select(segment => new AbiRange { Physical = segment.Start, Bytes = segment.Length, Host = segment.Host })]);

    /// <summary>A program.</summary>
    public static byte[] Load(ProbeProgram program)
    {
        var head = new AbiLoad
        {
            ScratchBytes = (uint)program.ScratchBytes, Budget = (uint)program.InstructionBudget, Schemas = (uint)program.SchemaCount, Words = (uint)program.Code.Length,
            Registers = program.Registers,
        };
        int headBytes = Marshal.SizeOf<AbiLoad>();
        byte[] bytes = new byte[headBytes + program.Code.Length * Instruction.Size];
        MemoryMarshal.Write(bytes, in head);
        for (int i = 0; i < program.Code.Length; i++)
            program.Code[i].Write(bytes.AsSpan(headBytes + i * Instruction.Size));
        return bytes;
    }

    /// <summary>All that is to be at work: <paramref name="bodies"/> says which probe, by id, is to run which body from now on; the others keep theirs. Throws
    /// <c>TrapRefused</c> for more than a shim takes.</summary>
    public static byte[][] Apply(IReadOnlyList<ShimProbe> probes, SitePlan plan, IReadOnlyDictionary<int, int> bodies)
    {
        var abiProbes = new List<AbiProbe>();
        var abiBodies = new List<AbiBody>();
        var sites = new List<AbiSite>();
        var uses = new List<AbiUse>();
        foreach (ShimProbe probe in probes)
        {
            abiProbes.Add(new AbiProbe
            {
                Id = (uint)probe.Id, FirstBody = (uint)abiBodies.Count, Bodies = (uint)probe.Bodies.Count,
                Body = bodies.TryGetValue(probe.Id, out int body) ? (uint)body : AbiNumbers.Keep,
                Flags = (probe.IsEnabled ? AbiProbeFlag.Enabled : 0) | (probe.Placed.Compiled.Site is ResumeSite ? AbiProbeFlag.OnResume : 0),
            });
            abiBodies.AddRange(probe.Bodies.Select(each => new AbiBody { Program = each.Program, IsEmpty = each.IsEmpty ? 1u : 0 }));
        }
        for (int i = 0; i < plan.Places.Length; i++)
        {
            AbiSite site = plan.Places[i].Site;
            site.FirstUse = (uint)uses.Count;
            site.Uses = (uint)plan.Uses[i].Length;
            sites.Add(site);
            uses.AddRange(plan.Uses[i].Select(use => Use(use, probes)));
        }
        Demand(abiProbes.Count, AbiNumbers.MaxProbes, "probes");
        Demand(probes.Count == 0 ? 0 : probes.Max(probe => probe.Id) + 1, AbiNumbers.MaxProbes, "probes");
        Demand(abiBodies.Count, AbiNumbers.MaxBodies, "bodies of probes");
        Demand(sites.Count, AbiNumbers.MaxSites, "places");
        Demand(uses.Count, AbiNumbers.MaxUses, "probes at places");
        var head = new AbiApply { Probes = (uint)abiProbes.Count, Bodies = (uint)abiBodies.Count, Sites = (uint)sites.Count, Uses = (uint)uses.Count };
        return
        [
            ShimProtocol.Bytes(head), ShimProtocol.Bytes<AbiProbe>([.. abiProbes]), ShimProtocol.Bytes<AbiBody>([.. abiBodies]), ShimProtocol.Bytes<AbiSite>([.. sites]),
            ShimProtocol.Bytes<AbiUse>([.. uses]),
        ];
    }

    private static AbiUse Use(TrapUse use, IReadOnlyList<ShimProbe> probes)
    {
        if (use.Own is not null)
            return new AbiUse { Probe = AbiNumbers.Keep, Flags = AbiUseFlag.Call };
        var result = new AbiUse { Probe = (uint)IndexOf(probes, use.Probe!) };
        if (use.Trap is WatchTrap { OnRead: true })
            result.Flags |= AbiUseFlag.Reads;
        if (use.Trap is not ExecuteTrap { Write: { } write })
            return result;
        if (write.Kind is PrivilegedWrite.Idtr or PrivilegedWrite.Gdtr)
            result.Flags |= AbiUseFlag.After;
        // A list in memory may hold any.
        if (use.Probe!.Placed.Compiled.Site is MsrSite { Msr: { } msr } && write.ImmediateMsr is null && write.Source != ValueSource.Memory)
            (result.Flags, result.Msr) = (result.Flags | AbiUseFlag.Msr, msr);
        GuestRegister? written = write.Kind switch
        {
            PrivilegedWrite.Cr0 => GuestRegister.Cr0,
            PrivilegedWrite.Cr3 => GuestRegister.Cr3,
            PrivilegedWrite.Cr4 => GuestRegister.Cr4,
            PrivilegedWrite.Cr8 => GuestRegister.Cr8,
            _ => null,
        };
        AbiWrite? way = write.Source switch
        {
            ValueSource.Register => AbiWrite.Register,
            ValueSource.MachineStatus => AbiWrite.Status,
            ValueSource.ClearTaskSwitched => AbiWrite.ClearTs,
            _ => null,
        };
        if (written is not { } shown || way is not { } from)
            return result;
        result.Flags |= AbiUseFlag.Writes;
        (result.Shown, result.Write, result.Width) = ((uint)shown, from, (byte)(write.Bits / 8));
        result.Source = write.Register is { } register ? Number(register) : (byte)0;
        return result;
    }

    private static int IndexOf(IReadOnlyList<ShimProbe> probes, ITrapOwner probe)
    {
        for (int i = 0; i < probes.Count; i++)
        {
            if (ReferenceEquals(probes[i], probe))
                return i;
        }
        throw new InvalidOperationException("A trap's probe is none of the session's.");
    }

    private static void Demand(int count, int most, string what)
    {
        if (count > most)
            throw new VmiException(VmiErrorCode.TrapRefused, $"The script has {count} {what}, and the shim takes {most}.");
    }
}
