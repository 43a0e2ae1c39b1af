using System.Buffers.Binary;
using System.Text;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Tests.Synthetic;

/// <summary>A small 64-bit Linux guest built in a byte array: page tables, tasks, credentials, memory descriptors, paths and a
/// pid table, laid out at offsets of our own, so that nothing in the walk can rely on a real kernel's.</summary>
internal sealed class SyntheticLinux
{
    public const ulong Base = 0xFFFF_8880_0000_0000;
    public const int Pml4 = 0x1000, Pdpt = 0x2000, Heap = 0x4000;

    public const int TaskSize = 0x200, Tasks = 0x10, Pid = 0x28, Tgid = 0x2C, RealParent = 0x30, Cred = 0x38, Signal = 0x40, Mm = 0x48,
        Comm = 0x50, Flags = 0x60, ThreadNode = 0x68, StartTime = 0x78, PidLinks = 0x80;

    public static readonly Dictionary<string, int> Offsets = new()
    {
        ["task_struct.tasks"] = Tasks, ["task_struct.pid"] = Pid, ["task_struct.tgid"] = Tgid, ["task_struct.real_parent"] = RealParent,
        ["task_struct.cred"] = Cred, ["task_struct.signal"] = Signal, ["task_struct.mm"] = Mm, ["task_struct.comm"] = Comm,
        ["task_struct.flags"] = Flags, ["task_struct.thread_node"] = ThreadNode, ["task_struct.start_boottime"] = StartTime,
        ["task_struct.pid_links"] = PidLinks,
        ["mm_struct.pgd"] = 0x10, ["mm_struct.exe_file"] = 0x18, ["cred.uid"] = 4,
        ["signal_struct.nr_threads"] = 8, ["signal_struct.thread_head"] = 0x10,
        ["pid.level"] = 4, ["pid.tasks"] = 8, ["pid.numbers"] = 0x20, ["upid.nr"] = 0, ["sizeof upid"] = 16,
        ["pid_namespace.idr.idr_rt.xa_head"] = 8, ["xa_node.shift"] = 0, ["xa_node.slots"] = 8,
        ["file.f_path"] = 8, ["path.mnt"] = 0, ["path.dentry"] = 8,
        ["dentry.d_hash"] = 8, ["dentry.d_parent"] = 0x18, ["dentry.d_name"] = 0x20, ["qstr.name"] = 8,
        ["vfsmount.mnt_root"] = 0, ["mount.mnt"] = 0x20, ["mount.mnt_parent"] = 0x10, ["mount.mnt_mountpoint"] = 0x18,
        ["module.list"] = 8, ["module.name"] = 0x18, ["module.core_layout.base"] = 0x60, ["module.core_layout.size"] = 0x68,
        ["module.init_layout.size"] = 0x70,
    };

    private readonly List<ulong> _tasks = [];
    private int _top = Heap;
    private readonly ulong _rootDentry, _rootMount, _pidNode, _pidNamespace;

    public SyntheticLinux(int bytes = 1 << 20)
    {
        Memory = new byte[bytes];
        // One 1 GiB page maps all physical memory at Base: PML4[273] -> PDPT[0].
        Put(Base + Pml4 + 273 * 8, Pdpt | 0x63);
        Put(Base + Pdpt, 0x63 | 0x80);
        InitTask = NewTask(0, 0, "swapper/0", parent: 0, user: false);
        Put(InitTask + RealParent, InitTask);
        _pidNamespace = Allocate(0x40);
        _pidNode = Allocate(8 + 64 * 8);
        Put(_pidNamespace + 8, _pidNode | 2);
        ModulesHead = Allocate(16);
        Put(ModulesHead, ModulesHead);
        Put(ModulesHead + 8, ModulesHead);
        _rootDentry = NewDentry("/", 0);
        Put(_rootDentry + 0x18, _rootDentry);
        _rootMount = Allocate(0x40);
        Put(_rootMount + 0x10, _rootMount);
        Put(_rootMount + 0x20, _rootDentry);
    }

    public byte[] Memory { get; }

    public ulong InitTask { get; }

    public ulong ModulesHead { get; }

    public IReadOnlyList<ulong> AllTasks => _tasks;

    public int Used => _top;

    public ulong RootDentry => _rootDentry;

    public ulong RootMount => _rootMount;

    public ulong Allocate(int bytes)
    {
        ulong address = Base + (ulong)_top;
        _top += (bytes + 15) & ~15;
        return address;
    }

    public void Put(ulong address, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Memory.AsSpan((int)(address - Base)), value);

    public void Put32(ulong address, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Memory.AsSpan((int)(address - Base)), value);

    public ulong Get(ulong address) => BinaryPrimitives.ReadUInt64LittleEndian(Memory.AsSpan((int)(address - Base)));

    public void PutText(ulong address, string text) => Encoding.UTF8.GetBytes(text).CopyTo(Memory, (int)(address - Base));

    /// <summary>Adds a process at the end of the task list and to the pid table (ids below 64).</summary>
    public ulong AddProcess(int pid, string name, ulong parent = 0, bool user = true, uint uid = 0, ulong file = 0, bool inList = true, bool inPidTable = true)
    {
        ulong task = NewTask(pid, uid, name, parent == 0 ? InitTask : parent, user, file);
        if (inList)
            Link(task + Tasks, InitTask + Tasks);
        if (inPidTable)
            AddPid(pid, task);
        return task;
    }

    public void AddPid(int id, ulong task, int level = 0, int ownId = 0)
    {
        ulong pid = Allocate(0x20 + 16 * (level + 1));
        Put32(pid + 4, (uint)level);
        Put(pid + 8, task + PidLinks);
        Put32(pid + 0x20, (uint)id);
        if (level > 0)
            Put32(pid + 0x20 + 16 * (ulong)level, (uint)ownId);
        Put(_pidNode + 8 + 8 * (ulong)id, pid);
    }

    /// <summary>Puts a link before the one at <paramref name="head"/> of a ring.</summary>
    public void Link(ulong link, ulong head)
    {
        ulong last = Get(head + 8);
        Put(link, head);
        Put(link + 8, last);
        Put(last, link);
        Put(head + 8, link);
    }

    public ulong NewDentry(string name, ulong parent, bool deleted = false)
    {
        ulong dentry = Allocate(0x40), text = Allocate(Encoding.UTF8.GetByteCount(name) + 1);
        PutText(text, name);
        Put(dentry + 0x10, deleted ? 0UL : text);
        Put(dentry + 0x18, parent == 0 ? _rootDentry : parent);
        Put(dentry + 0x28, text);
        return dentry;
    }

    public ulong NewMount(ulong parent, ulong mountPoint, ulong root)
    {
        ulong mount = Allocate(0x40);
        Put(mount + 0x10, parent);
        Put(mount + 0x18, mountPoint);
        Put(mount + 0x20, root);
        return mount;
    }

    public ulong NewFile(ulong dentry, ulong mount = 0)
    {
        ulong file = Allocate(0x20);
        Put(file + 8, (mount == 0 ? _rootMount : mount) + 0x20);
        Put(file + 16, dentry);
        return file;
    }

    public void AddModule(string name, ulong start, uint core, uint init)
    {
        ulong module = Allocate(0x80);
        PutText(module + 0x18, name);
        Put(module + 0x60, start);
        Put32(module + 0x68, core);
        Put32(module + 0x70, init);
        Link(module + 8, ModulesHead);
    }

    /// <summary>Opens the guest; <paramref name="without"/> names an offset that its profile shall lack.</summary>
    public LinuxGuest Open(VmiLimits? limits = null, IGuestMemory? memory = null, string? without = null)
    {
        memory ??= new ArrayMemory(Memory);
        var machine = new VmiMachine("synthetic", _ => memory, _ => null, limits);
        return new LinuxGuest(machine, Profile(without));
    }

    private KernelProfile Profile(string? without) => new(
        "0.0-synthetic", null,
        new KernelLocation(PagingMode.FourLevel, new GuestPhysicalAddress(Pml4), new GuestVirtualAddress(Base), (ulong)Memory.Length),
        EmptySymbolTable.Instance, null, Offsets.Where(entry => entry.Key != without).ToDictionary(),
        new Dictionary<string, ulong> { ["init_task"] = InitTask, ["init_pid_ns"] = _pidNamespace, ["modules"] = ModulesHead });

    private ulong NewTask(int pid, uint uid, string name, ulong parent, bool user, ulong file = 0)
    {
        ulong task = Allocate(TaskSize), cred = Allocate(0x20), signal = Allocate(0x20);
        _tasks.Add(task);
        Put(task + Tasks, task + Tasks);
        Put(task + Tasks + 8, task + Tasks);
        Put32(task + Pid, (uint)pid);
        Put32(task + Tgid, (uint)pid);
        Put(task + RealParent, parent);
        Put(task + Cred, cred);
        Put32(cred + 4, uid);
        Put(task + Signal, signal);
        Put32(signal + 8, 1);
        Put(signal + 0x10, task + ThreadNode);
        Put(signal + 0x18, task + ThreadNode);
        Put(task + ThreadNode, signal + 0x10);
        Put(task + ThreadNode + 8, signal + 0x10);
        PutText(task + Comm, name.Length > 15 ? name[..15] : name);
        Put(task + StartTime, 1_000_000_000UL * (ulong)pid);
        if (!user)
        {
            Put32(task + Flags, 0x0020_0000);
            return task;
        }
        ulong mm = Allocate(0x20);
        Put(task + Mm, mm);
        Put(mm + 0x10, Base + Pml4);
        Put(mm + 0x18, file);
        return task;
    }
}
