using System.Text;
using VmiPl.Language;
using VmiPl.Language.Model;

namespace VmiPl.Tests.Language;

public sealed class ScriptFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("vmipl-script-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void File_is_read_as_text_is()
    {
        string path = Write("good.vmipl", Encoding.UTF8.GetBytes("\uFEFFü: CRWrite(3){ Pause }"));
        VmiScript script = ScriptReader.ReadFile(path);
        Assert.Empty(script.Diagnostics);
        Assert.Equal(path, script.Source.File);
        Assert.Equal("ü", Assert.Single(script.EventProbes).Label);
    }

    [Fact]
    public void Empty_file_is_an_empty_script() => Assert.Empty(ScriptReader.ReadFile(Write("empty.vmipl", [])).Diagnostics);

    [Theory]
    [InlineData("none.vmipl")]
    [InlineData("none/script.vmipl")]
    [InlineData("a\0b")]
    public void File_that_is_not_there(string name) => AssertOnly("VMI1001", Path.Join(_folder.FullName, name));

    [Fact]
    public void No_name_is_no_file() => AssertOnly("VMI1001", "");

    [Fact]
    public void File_without_permission()
    {
        // A superuser may read every file but those of the kernel that are for writing only.
        string path = Environment.IsPrivilegedProcess ? "/sys/bus/cpu/drivers_probe" : Write("secret.vmipl", [0x20]);
        if (Environment.IsPrivilegedProcess)
            Assert.SkipUnless(File.Exists(path), "This user may read everything, and there is no sysfs.");
        else
            File.SetUnixFileMode(path, UnixFileMode.None);
        AssertOnly("VMI1002", path);
    }

    [Theory]
    [InlineData(1, "VMI1002")]   // EPERM
    [InlineData(2, "VMI1001")]   // ENOENT
    [InlineData(5, "VMI1006")]   // EIO
    [InlineData(13, "VMI1002")]  // EACCES
    [InlineData(20, "VMI1001")]  // ENOTDIR
    [InlineData(40, "VMI1006")]  // ELOOP
    public void Errors_of_opening_have_ids(int error, string id) => Assert.Equal(id, ScriptFile.NotOpened("a.vmipl", error).Descriptor.Id);

    [Fact]
    public void Directory_is_no_script() => AssertOnly("VMI1003", _folder.FullName);

    [Fact]
    public void Large_files_are_refused()
    {
        string path = Path.Join(_folder.FullName, "large.vmipl");
        using (FileStream file = File.Create(path))
            file.SetLength((16 << 20) + 1);
        AssertOnly("VMI1004", path);
    }

    [Theory]
    [InlineData(new byte[] { 0x2f, 0x2f, 0xff }, 3)]
    [InlineData(new byte[] { 0xef, 0xbb, 0xbf, 0x20, 0xc3 }, 5)]
    public void Bytes_that_are_no_text_are_named(byte[] bytes, int first)
    {
        VmiScript script = AssertOnly("VMI1005", Write("binary.vmipl", bytes));
        Assert.Contains($"byte {first} ", script.Diagnostics[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Devices_are_no_scripts() => AssertOnly("VMI1006", "/dev/null");

    private string Write(string name, byte[] bytes)
    {
        string path = Path.Join(_folder.FullName, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private static VmiScript AssertOnly(string id, string path)
    {
        VmiScript script = ScriptReader.ReadFile(path);
        Diagnostic only = Assert.Single(script.Diagnostics);
        Assert.Equal(id, only.Id);
        Assert.Equal(path, only.Source.File);
        Assert.Equal((1, 1), (only.Line, only.Column));
        Assert.True(script.HasErrors);
        return script;
    }
}
