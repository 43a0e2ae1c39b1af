using System.Buffers.Binary;
using System.Text;
using VmiPl.Errors;
using VmiPl.Linux;
using VmiPl.Machines;
using VmiPl.Memory;
using VmiPl.Symbols;

namespace VmiPl.Tests.Synthetic;

/// <summary>A guest of any paging mode, built in a byte array: a kernel half that its own table maps, a user half that a process's table maps
/// beside it, and structures laid out in words of the guest's own size.</summary>
internal sealed class SmallGuest
{
    private const int KernelPhysical = 0x10_0000, UserPhysical = 0x30_0000, HalfBytes = 0x8_0000;
    private readonly PageTableBuilder _kernelTables, _userTables;
    private readonly Dictionary<string, int> _offsets = [];
    private readonly Dictionary<string, ulong> _symbols = [];
    private ulong _next;

    public SmallGuest(PagingMode mode)
    {
        Memory = new byte[0x40_0000];
        PointerSize = mode is PagingMode.FourLevel or PagingMode.FiveLevel ? 8 : 4;
        Kernel = PointerSize == 8 ? 0xFFFF_FFFF_8100_0000 : 0xC100_0000;
        _kernelTables = new PageTableBuilder(Memory, mode, 0x1_0000);
        _kernelTables.MapRun(Kernel, KernelPhysical, HalfBytes);
        _userTables = new PageTableBuilder(Memory, mode, 0x8_0000);
        _userTables.MapRun(User, UserPhysical, HalfBytes);
        _next = Kernel + 0x1000;
        BuildKernel();
    }

    /// <summary>Where user memory begins; guest-virtual, mapped by the process's table only.</summary>
    public const ulong User = 0x40_0000;

    /// <summary>The end of both halves: what is behind is not mapped.</summary>
    public ulong KernelEnd => Kernel + HalfBytes;

    public static ulong UserEnd => User + HalfBytes;

    public byte[] Memory { get; }

    public int PointerSize { get; }

    /// <summary>Where the kernel half begins.</summary>
    public ulong Kernel { get; }

    /// <summary>The process's table, which has no kernel half, as under page-table isolation.</summary>
    public ulong UserRoot => _userTables.Root.Value;

    public ulong KernelRoot => _kernelTables.Root.Value;

    public ulong InitTask { get; private set; }

    public ulong RootDentry { get; private set; }

    public ulong RootMount { get; private set; }

    public IDictionary<string, ulong> Symbols => _symbols;

    public ulong Allocate(int bytes)
    {
        ulong address = _next;
        _next += (ulong)(bytes + 15) & ~15UL;
        return address;
    }

    public Span<byte> At(ulong address) => address >= Kernel
        ? Memory.AsSpan(KernelPhysical + (int)(address - Kernel))
        : Memory.AsSpan(UserPhysical + (int)(address - User));

    public void PutPointer(ulong address, ulong value)
    {
        if (PointerSize == 8)
            BinaryPrimitives.WriteUInt64LittleEndian(At(address), value);
        else
            BinaryPrimitives.WriteUInt32LittleEndian(At(address), (uint)value);
    }

    public ulong GetPointer(ulong address) =>
        PointerSize == 8 ? BinaryPrimitives.ReadUInt64LittleEndian(At(address)) : BinaryPrimitives.ReadUInt32LittleEndian(At(address));

    public void PutText(ulong address, string text) => Encoding.UTF8.GetBytes(text).CopyTo(At(address));

    public ulong AddProcess(int pid, string name, ulong file = 0, bool user = true, int offset = 0)
    {
        ulong task = Allocate(64 * PointerSize);
        BinaryPrimitives.WriteInt32LittleEndian(At(task + Offset("task_struct.pid")), pid + offset);
        BinaryPrimitives.WriteInt32LittleEndian(At(task + Offset("task_struct.tgid")), pid);
        PutText(task + Offset("task_struct.comm"), name);
        if (user)
        {
            ulong mm = Allocate(16 * PointerSize), pgd = Allocate(16);
            PutPointer(task + Offset("task_struct.mm"), mm);
            PutPointer(mm + Offset("mm_struct.pgd"), pgd);
            PutPointer(mm + Offset("mm_struct.exe_file"), file);
        }
        else
        {
            BinaryPrimitives.WriteUInt32LittleEndian(At(task + Offset("task_struct.flags")), TaskLayout.KernelThreadFlag);
        }
        ulong link = task + Offset("task_struct.tasks"), head = InitTask + Offset("task_struct.tasks");
        if (InitTask != 0)
        {
            ulong last = GetPointer(head + (ulong)PointerSize);
            PutPointer(link, head);
            PutPointer(link + (ulong)PointerSize, last);
            PutPointer(last, link);
            PutPointer(head + (ulong)PointerSize, link);
        }
        return task;
    }

    /// <summary>A file whose path has these components, in the root mount or another.</summary>
    public ulong NewFile(string path, ulong mount = 0, ulong root = 0, bool deleted = false)
    {
        ulong dentry = root == 0 ? RootDentry : root;
        string[] components = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < components.Length; i++)
            dentry = NewDentry(components[i], dentry, deleted && i == components.Length - 1);
        ulong file = Allocate(8 * PointerSize);
        PutPointer(file + Offset("file.f_path.mnt"), (mount == 0 ? RootMount : mount) + Offset("mount.mnt"));
        PutPointer(file + Offset("file.f_path.dentry"), dentry);
        return file;
    }

    public ulong NewDentry(string name, ulong parent, bool deleted = false)
    {
        ulong dentry = Allocate(16 * PointerSize), text = Allocate(Encoding.UTF8.GetByteCount(name) + 1);
        PutText(text, name);
        PutPointer(dentry + Offset("dentry.d_parent"), parent == 0 ? dentry : parent);
        PutPointer(dentry + Offset("dentry.d_name.name"), text);
        PutPointer(dentry + Offset("dentry.d_hash") + (ulong)PointerSize, deleted ? 0 : text);
        return dentry;
    }

    public ulong NewMount(ulong parent, ulong mountPoint, ulong root)
    {
        ulong mount = Allocate(16 * PointerSize);
        PutPointer(mount + Offset("mount.mnt_parent"), parent == 0 ? mount : parent);
        PutPointer(mount + Offset("mount.mnt_mountpoint"), mountPoint);
        PutPointer(mount + Offset("mount.mnt") + Offset("vfsmount.mnt_root"), root);
        return mount;
    }

    /// <summary>Says which task runs on a CPU.</summary>
    public void SetCurrent(int vcpu, ulong task)
    {
        ulong area = Allocate(64);
        PutPointer(_symbols["__per_cpu_offset"] + (ulong)(vcpu * PointerSize), area - _symbols["current_task"]);
        PutPointer(area, task);
    }

    /// <summary>The guest with a profile that tells nothing.</summary>
    public LinuxGuest OpenBare()
    {
        _offsets.Clear();
        _symbols.Clear();
        return Open();
    }

    public LinuxGuest Open(VmiLimits? limits = null)
    {
        var memory = new ArrayMemory(Memory);
        var location = new KernelLocation(_kernelTables.Mode, _kernelTables.Root, new GuestVirtualAddress(Kernel), HalfBytes);
        return new LinuxGuest(
            new VmiMachine("synthetic", _ => memory, _ => null, limits),
            new KernelProfile("0.0-synthetic", null, location, EmptySymbolTable.Instance, null, _offsets, _symbols));
    }

    private ulong Offset(string member) => (ulong)_offsets[member];

    private void BuildKernel()
    {
        int word = PointerSize;
        (string Member, int Offset)[] members =
        [
            ("task_struct.flags", 2 * word), ("task_struct.tasks", 8 * word), ("task_struct.mm", 12 * word), ("task_struct.pid", 16 * word),
            ("task_struct.tgid", 16 * word + 4), ("task_struct.comm", 24 * word), ("mm_struct.pgd", 3 * word), ("mm_struct.exe_file", 5 * word),
            ("file.f_path.mnt", 2 * word), ("file.f_path.dentry", 3 * word), ("dentry.d_hash", 2 * word), ("dentry.d_parent", 4 * word),
            ("dentry.d_name.name", 6 * word), ("vfsmount.mnt_root", 0), ("mount.mnt", 4 * word), ("mount.mnt_parent", 2 * word),
            ("mount.mnt_mountpoint", 3 * word),
        ];
        foreach ((string member, int offset) in members)
            _offsets.Add(member, offset);
        InitTask = AddProcess(0, "swapper/0", user: false);
        ulong link = InitTask + Offset("task_struct.tasks");
        PutPointer(link, link);
        PutPointer(link + (ulong)word, link);
        RootDentry = NewDentry("/", 0);
        RootMount = NewMount(0, 0, RootDentry);
        _symbols["init_task"] = InitTask;
        _symbols["__per_cpu_offset"] = Allocate(16 * word);
        _symbols["current_task"] = 0x1_0000;
    }
}
