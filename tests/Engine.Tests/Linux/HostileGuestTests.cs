using System.Buffers.Binary;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Memory;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Linux;

public sealed class HostileGuestTests
{
    [Fact]
    public void A_circular_task_list_is_cut_and_kept()
    {
        SyntheticLinux linux = WithProcesses(5);
        // The fourth leads back to the second.
        linux.Put(linux.AllTasks[4] + SyntheticLinux.Tasks, linux.AllTasks[2] + SyntheticLinux.Tasks);
        ProcessList list = linux.Open().Processes();
        Assert.Contains("circle", list.Problem, StringComparison.Ordinal);
        // The fifth is still found, backwards or in the pid table.
        Assert.Equal([1, 2, 3, 4, 5], list.Processes.Select(p => p.ProcessId).Order());
    }

    [Fact]
    public void A_list_through_unmapped_memory_keeps_both_ends()
    {
        SyntheticLinux linux = WithProcesses(6);
        linux.Put(linux.AllTasks[3] + SyntheticLinux.Tasks, 0xFFFF_9999_0000_0000);
        ProcessList list = linux.Open().Processes(new ProcessQuery { CheckPidTable = false });
        Assert.Contains("cannot be read", list.Problem, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3, 4, 5, 6], list.Processes.Select(p => p.ProcessId).Order());
    }

    [Fact]
    public void Ten_million_forged_tasks_are_cut_at_the_limit()
    {
        var limits = new VmiLimits { MaxTasks = 50_000 };
        var memory = new EndlessTasks(10_000_000);
        ProcessList list = memory.Open(limits).Processes();
        Assert.Contains("cut", list.Problem, StringComparison.Ordinal);
        Assert.Equal(limits.MaxTasks, list.Processes.Count);
    }

    [Fact]
    public void Forged_tasks_are_cut_by_time_too()
    {
        var limits = new VmiLimits { MaxListTime = TimeSpan.Zero };
        ProcessList list = new EndlessTasks(10_000_000).Open(limits).Processes();
        Assert.Contains("cut", list.Problem, StringComparison.Ordinal);
        Assert.InRange(list.Processes.Count, 0, 256);
    }

    [Fact]
    public void More_tasks_than_memory_can_hold_are_not_believed()
    {
        // Overlapping structures, 16 bytes apart, in a guest of 1 MiB: more tasks than it has room for.
        var linux = new SyntheticLinux();
        ulong first = linux.Allocate(900_000);
        ulong previous = linux.InitTask + SyntheticLinux.Tasks;
        for (ulong task = first; task < first + 890_000; task += 16)
        {
            linux.Put(previous, task + SyntheticLinux.Tasks);
            previous = task + SyntheticLinux.Tasks;
        }
        ProcessList list = linux.Open().Processes();
        Assert.True(list.IsPartial);
        Assert.InRange(list.Processes.Count, 1, (1 << 20) / 0x70);
    }

    [Fact]
    public void A_pid_table_that_refers_to_itself_is_damaged_not_endless()
    {
        SyntheticLinux linux = WithProcesses(3);
        LinuxGuest guest = linux.Open();
        guest.Profile.TryGetSymbol("init_pid_ns", out GuestVirtualAddress space);
        ulong node = linux.Get(space.Value + 8) & ~3UL;
        linux.Memory[node - SyntheticLinux.Base] = 6;      // now an inner node…
        for (ulong slot = 0; slot < 64; slot++)
            linux.Put(node + 8 + slot * 8, node | 2);      // …all of whose children are itself
        ProcessList list = guest.Processes();
        Assert.Contains("pid table", list.Problem, StringComparison.Ordinal);
        Assert.Equal(3, list.Processes.Count);
        Assert.All(list.Processes, p => Assert.Equal(TaskVisibility.NotChecked, p.Visibility));
    }

    [Fact]
    public void An_unterminated_name_is_cut_at_fifteen_bytes()
    {
        SyntheticLinux linux = WithProcesses(1);
        linux.Memory.AsSpan((int)(linux.AllTasks[1] - SyntheticLinux.Base) + SyntheticLinux.Comm, 16).Fill((byte)'x');
        Assert.Equal(new string('x', 15), linux.Open().Processes().Processes[0].Name);
    }

    [Fact]
    public void A_module_list_without_end_is_cut()
    {
        var linux = new SyntheticLinux();
        linux.AddModule("a", 0xFFFF_FFFF_C000_0000, 4096, 0);
        linux.AddModule("b", 0xFFFF_FFFF_C001_0000, 4096, 4096);
        LinuxGuest guest = linux.Open();
        Assert.Equal([("a", 4096UL), ("b", 8192UL)], guest.Modules().Select(m => (m.Name, m.Size)));
        // The last leads back to the first instead of the head.
        ulong last = linux.Get(linux.ModulesHead + 8);
        linux.Put(last, linux.Get(linux.ModulesHead));
        var seen = new List<string>();
        VmiException error = Assert.Throws<VmiException>(() => seen.AddRange(guest.Modules().Select(m => m.Name)));
        Assert.Equal(VmiErrorCode.LimitExceeded, error.Code);
        Assert.Equal(guest.Machine.Limits.MaxModules, seen.Count);
    }

    [Fact]
    public void Random_damage_never_throws_and_never_hangs()
    {
        SyntheticLinux linux = WithProcesses(12);
        linux.AddModule("m", 0xFFFF_FFFF_C000_0000, 4096, 0);
        byte[] good = linux.Memory.AsSpan(0, linux.Used).ToArray();
        byte[] damaged = new byte[good.Length];
        var random = new Random(20_140_811);
        // Some values do more harm than others: small ones, pointers into the guest, the guest's own links.
        ulong[] harmful = [0, 1, 2, ulong.MaxValue, 0x8000_0000_0000_0000, SyntheticLinux.Base, 1UL << 62, .. linux.AllTasks];
        LinuxGuest mapped = linux.Open(memory: new ArrayMemory(damaged));
        LinuxGuest copied = linux.Open(memory: new CountingMemory(new ArrayMemory(damaged)));
        int partial = 0;
        for (int round = 0; round < 100_000; round++)
        {
            good.CopyTo(damaged, 0);
            for (int i = random.Next(1, 12); i > 0; i--)
            {
                int at = random.Next(SyntheticLinux.Heap, damaged.Length - 8);
                if (random.Next(3) == 0)
                    damaged[at] ^= (byte)random.Next(256);
                else
                    BinaryPrimitives.WriteUInt64LittleEndian(damaged.AsSpan(at & ~7), harmful[random.Next(harmful.Length)] + (ulong)random.Next(0, 64));
            }
            LinuxGuest guest = round % 2 == 0 ? mapped : copied;
            ProcessList list = guest.Processes(new ProcessQuery { IncludeThreads = round % 3 == 0 });
            Assert.InRange(list.Processes.Count, 0, damaged.Length / 0x70);
            partial += list.IsPartial ? 1 : 0;
        }
        // The generator does reach what it is for.
        Assert.InRange(partial, 1_000, 99_000);
    }

    private static SyntheticLinux WithProcesses(int count)
    {
        var linux = new SyntheticLinux();
        ulong bin = linux.NewDentry("bin", 0);
        for (int pid = 1; pid <= count; pid++)
            linux.AddProcess(pid, $"p{pid}", file: linux.NewFile(linux.NewDentry($"p{pid}", bin)));
        return linux;
    }

    /// <summary>A guest of 64 GiB whose memory, behind the first pages, is one task after another, each leading to the next.</summary>
    private sealed class EndlessTasks : IGuestMemory
    {
        private const ulong First = 1 << 30;
        private readonly SyntheticLinux _linux = new();
        private readonly ArrayMemory _start;
        private readonly ulong _count;

        public EndlessTasks(ulong count)
        {
            _count = count;
            _start = new ArrayMemory(_linux.Memory);
            for (ulong i = 1; i < 64; i++)   // 64 pages of 1 GiB
                _linux.Put(SyntheticLinux.Base + SyntheticLinux.Pdpt + i * 8, (i << 30) | 0x63 | 0x80);
            _linux.Put(_linux.InitTask + SyntheticLinux.Tasks, SyntheticLinux.Base + First + SyntheticLinux.Tasks);
        }

        public IReadOnlyList<PhysicalRange> Ranges { get; } = [new(new GuestPhysicalAddress(0), 64UL << 30)];

        public MemoryAccess Access => MemoryAccess.Dump;

        public LinuxGuest Open(VmiLimits limits) => _linux.Open(limits, this);

        public int Read(GuestPhysicalAddress address, Span<byte> buffer)
        {
            if (address.Value < First)
                return _start.Read(address, buffer);
            Span<byte> task = stackalloc byte[SyntheticLinux.TaskSize];
            for (int done = 0; done < buffer.Length;)
            {
                ulong offset = address.Value - First + (ulong)done, index = offset / SyntheticLinux.TaskSize;
                if (index >= _count)
                    return done;
                task.Clear();
                BinaryPrimitives.WriteUInt64LittleEndian(task[SyntheticLinux.Tasks..],
                    SyntheticLinux.Base + First + (index + 1) * SyntheticLinux.TaskSize + SyntheticLinux.Tasks);
                BinaryPrimitives.WriteUInt32LittleEndian(task[SyntheticLinux.Pid..], (uint)index + 1);
                ReadOnlySpan<byte> rest = task[(int)(offset % SyntheticLinux.TaskSize)..];
                rest = rest[..Math.Min(rest.Length, buffer.Length - done)];
                rest.CopyTo(buffer[done..]);
                done += rest.Length;
            }
            return buffer.Length;
        }
    }
}
