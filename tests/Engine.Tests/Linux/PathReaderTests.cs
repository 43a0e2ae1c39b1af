using VmiPl.Linux;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Linux;

public sealed class PathReaderTests
{
    private static VmiProcess Only(SyntheticLinux linux, ulong file)
    {
        linux.AddProcess(1, "it", file: file);
        return Assert.Single(linux.Open().Processes().Processes);
    }

    [Fact]
    public void Crosses_mounts()
    {
        var linux = new SyntheticLinux();
        ulong point = linux.NewDentry("opt data", linux.NewDentry("srv", 0));
        ulong otherRoot = linux.NewDentry("/", 0);
        linux.Put(otherRoot + 0x18, otherRoot);
        ulong mount = linux.NewMount(linux.RootMount, point, otherRoot);
        Assert.Equal("/srv/opt data/grün", Only(linux, linux.NewFile(linux.NewDentry("grün", otherRoot), mount)).Path);
    }

    [Fact]
    public void A_deleted_file_says_so()
    {
        var linux = new SyntheticLinux();
        Assert.Equal("/gone (deleted)", Only(linux, linux.NewFile(linux.NewDentry("gone", 0, deleted: true))).Path);
    }

    [Fact]
    public void A_memfd_is_its_own_root()
    {
        var linux = new SyntheticLinux();
        ulong memfd = linux.NewDentry("memfd:payload", 0, deleted: true);
        linux.Put(memfd + 0x18, memfd);
        ulong internalMount = linux.NewMount(0, 0, linux.RootDentry);
        linux.Put(internalMount + 0x10, internalMount);
        Assert.Equal("/memfd:payload (deleted)", Only(linux, linux.NewFile(memfd, internalMount)).Path);
    }

    [Fact]
    public void Thirty_components_are_no_problem()
    {
        var linux = new SyntheticLinux();
        ulong dentry = 0;
        for (int i = 1; i <= 30; i++)
            dentry = linux.NewDentry($"d{i}", dentry);
        string? path = Only(linux, linux.NewFile(dentry)).Path;
        Assert.Equal("/" + string.Join('/', Enumerable.Range(1, 30).Select(i => $"d{i}")), path);
    }

    [Fact]
    public void A_loop_of_directories_ends_in_a_problem()
    {
        var linux = new SyntheticLinux();
        ulong a = linux.NewDentry("a", 0), b = linux.NewDentry("b", a);
        linux.Put(a + 0x18, b);
        VmiProcess process = Only(linux, linux.NewFile(b));
        Assert.Null(process.Path);
        Assert.Contains("path", process.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_loop_of_mounts_ends_in_a_problem()
    {
        var linux = new SyntheticLinux();
        ulong root = linux.NewDentry("/", 0);
        ulong mount = linux.NewMount(0, root, root);
        ulong other = linux.NewMount(mount, root, root);
        linux.Put(mount + 0x10, other);
        VmiProcess process = Only(linux, linux.NewFile(linux.NewDentry("x", root), mount));
        Assert.Null(process.Path);
        Assert.NotNull(process.Problem);
    }

    [Fact]
    public void A_name_without_end_is_not_taken()
    {
        var linux = new SyntheticLinux();
        ulong dentry = linux.NewDentry("x", 0), text = linux.Allocate(8192);
        for (ulong i = 0; i < 8192; i += 8)
            linux.Put(text + i, 0x4141_4141_4141_4141);
        linux.Put(dentry + 0x28, text);
        Assert.Null(Only(linux, linux.NewFile(dentry)).Path);
    }
}
