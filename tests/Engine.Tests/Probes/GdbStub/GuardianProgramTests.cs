using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Probes.GdbStub;
using VmiPl.Tests.Machines;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.GdbStub;

/// <summary>Where the program comes from, and the folders of sessions.</summary>
[Collection(nameof(NativeProgram))]
public sealed class GuardianProgramTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        NativeProgram.Replaced = null;
        _folder.Dispose();
    }

    [Fact]
    public void A_program_that_has_lost_its_execute_bit_is_copied_for_the_start()
    {
        using NativeProgram original = Open();
        Replace(_folder.File("vmi-guardian", File.ReadAllBytes(original.FullName)));
        string copy;
        using (NativeProgram program = Open())
            copy = program.FullName;
        Assert.NotEqual(NativeProgram.Replaced!.Value.Path, copy);
        Assert.False(File.Exists(copy));

        using var host = new FakeHost();
        host.Attach(noAck: false);
        host.Die();
        host.AwaitGuardiansEnd();
        Assert.True(host.Stub!.IsRunning);
    }

    [Fact]
    public void A_program_that_is_missing_or_is_not_the_guardian_is_named()
    {
        Replace(_folder.File("nothing"));
        Assert.Contains(_folder.File("nothing"), Message(), StringComparison.Ordinal);
        Replace("/bin/false");
        Assert.Contains("code 1", Message(), StringComparison.Ordinal);

        static string Message()
        {
            var error = Assert.Throws<VmiException>(() => Guardian.Start("/tmp/s/gdb", []));
            Assert.Equal(VmiErrorCode.GuardianUnavailable, error.Code);
            return error.Message;
        }
    }

    private static NativeProgram Open() => NativeProgram.Open(NativeProgram.Guardian, VmiErrorCode.GuardianUnavailable);

    private static void Replace(string path) => NativeProgram.Replaced = (NativeProgram.Guardian, path);

    [Theory]
    [InlineData("relative/gdb")]
    [InlineData("/tmp/s/gdb", "qmp")]
    [InlineData("/tmp/s/gdb", "telnet", "x")]
    [InlineData("/tmp/s/gdb", "run")]
    [InlineData("/tmp/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789/gdb")]
    public void Arguments_that_make_no_sense_are_refused(string path, params string[] monitor)
    {
        var error = Assert.Throws<VmiException>(() => Guardian.Start(path, monitor));
        Assert.Equal(VmiErrorCode.GuardianUnavailable, error.Code);
        Assert.Contains("usage: vmi-guardian", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sessions_folder_is_private_and_goes_with_its_socket()
    {
        string path;
        using (SessionFolder folder = SessionFolder.Create(NativeFolder.UserId))
        {
            path = folder.FullName;
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(path));
            Assert.Equal($"unix:{path}/gdb,server=on,wait=off", folder.DeviceOption);
            File.WriteAllText(folder.SocketPath, "");
        }
        Assert.False(Directory.Exists(path));
    }

    [Fact]
    public void A_folder_for_another_users_QEMU_is_given_to_it_by_root_only()
    {
        const uint Nobody = 65534;
        if (NativeFolder.UserId != 0)
        {
            Assert.Equal(VmiErrorCode.AccessDenied, Assert.Throws<VmiException>(() => SessionFolder.Create(Nobody)).Code);
            return;
        }
        using SessionFolder folder = SessionFolder.Create(Nobody);
        Assert.False(NativeFolder.IsOwn(folder.FullName));
        Assert.True(File.GetUnixFileMode(Path.GetDirectoryName(folder.FullName)!).HasFlag(UnixFileMode.OtherExecute));
    }

    [Theory]
    [InlineData("relative")]
    [InlineData("/tmp/with,comma")]
    [InlineData("/tmp/with space")]
    [InlineData("/tmp/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789")]
    public void A_folder_that_QEMU_can_not_take_is_refused(string parent) =>
        Assert.Equal(VmiErrorCode.InvalidArgument, Assert.Throws<VmiException>(() => SessionFolder.Create(NativeFolder.UserId, parent)).Code);

    [Fact]
    public void A_link_to_an_own_folder_is_not_an_own_folder()
    {
        string link = _folder.File("link");
        File.CreateSymbolicLink(link, _folder.FullName);
        Assert.True(NativeFolder.IsOwn(_folder.FullName));
        Assert.False(NativeFolder.IsOwn(link));
        Assert.False(NativeFolder.IsOwn(_folder.File("file", [])));
    }
}
