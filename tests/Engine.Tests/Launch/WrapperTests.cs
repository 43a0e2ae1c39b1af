using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using VmiPl.Machines.Processes;
using VmiPl.Tests.Machines;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Launch;

/// <summary>The emulator for libvirt, as the module has it.</summary>
public sealed class WrapperTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _shim, _wrapper;

    public WrapperTests()
    {
        _shim = ShimFile.PutInto(_folder.FullName);
        _wrapper = PutInto(_folder.FullName);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void It_passes_arguments_variables_and_its_process_on()
    {
        using Process process = Run(_wrapper, "/bin/sh",
            ["-c", "printf '%s|' $$ \"$OTHER\" \"$0\" \"$@\"", "a b", "", "it's \"$HOME\"", "x,y\n"], ("OTHER", "kept as it is"));
        Assert.Equal($"{process.Id}|kept as it is|a b||it's \"$HOME\"|x,y\n|", process.StandardOutput.ReadToEnd());
        Assert.Equal(0, End(process, out _));
    }

    [Fact]
    public void It_passes_open_files_and_input_on()
    {
        // The shell opens file 7 before the wrapper runs.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec 7<<'X'\nfrom seven\nX\nexec \"$0\" -c 'cat <&7; cat'", _wrapper])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, Environment = { ["VMI_QEMU"] = "sh" },
        };
        using Process process = Process.Start(start)!;
        process.StandardInput.Write("from input\n");
        process.StandardInput.Close();
        Assert.Equal("from seven\nfrom input\n", process.StandardOutput.ReadToEnd());
        Assert.Equal(0, End(process, out _));
    }

    [Theory]
    [InlineData("exit 7", 7)]
    [InlineData("kill -TERM $$", 128 + 15)]
    public void It_ends_as_what_it_runs_ends(string script, int code)
    {
        using Process process = Run(_wrapper, "/bin/sh", ["-c", script]);
        Assert.Equal(code, End(process, out _));
    }

    [Fact]
    public void The_shim_is_loaded_beside_what_was_there_and_not_inherited()
    {
        string own = _folder.File("own.so");
        ShimFile.Compile("int vmipl_own;", own);
        // The shim knows by its file's name what is to keep it, and what only starts a QEMU.
        string qemu = _folder.File("qemu-system-sh");
        File.Copy("/bin/sh", qemu);
        using Process process = Run(_wrapper, qemu, ["-c", "cat /proc/$$/maps; echo \"inherited: $(env | grep LD_PRELOAD)\""], ("LD_PRELOAD", own));
        string output = process.StandardOutput.ReadToEnd();
        Assert.Contains(_shim, output, StringComparison.Ordinal);
        Assert.Contains(own, output, StringComparison.Ordinal);
        Assert.Contains($"inherited: LD_PRELOAD={own}\n", output, StringComparison.Ordinal);
        Assert.Equal(0, End(process, out _));
    }

    [Fact]
    public void QEMU_is_named_by_a_variable_or_by_the_file_beside_it()
    {
        File.WriteAllText(_folder.File("vmi-qemu.path"), "/bin/echo");
        using (Process process = Run(_wrapper, null, ["from the file"]))
            Assert.Equal("from the file\n", process.StandardOutput.ReadToEnd());
        using (Process process = Run(_wrapper, "printf", ["from the variable"]))
            Assert.Equal("from the variable", process.StandardOutput.ReadToEnd());
    }

    [Fact]
    public void A_link_to_it_finds_what_lies_beside_it()
    {
        string link = Path.Combine(Directory.CreateDirectory(_folder.File("bin")).FullName, "qemu-system-x86_64");
        File.CreateSymbolicLink(link, _wrapper);
        using Process process = Run(link, "/bin/cat", ["/proc/self/maps"]);
        Assert.Contains(_shim, process.StandardOutput.ReadToEnd(), StringComparison.Ordinal);

        // First on the PATH under QEMU's own name, it would call itself without end.
        using Process itself = Run(link, null, [], ("PATH", $"{Path.GetDirectoryName(link)}:{Environment.GetEnvironmentVariable("PATH")}"));
        Assert.Equal(1, End(itself, out string problem));
        Assert.Contains("this script itself", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void What_keeps_it_from_starting_QEMU_is_said()
    {
        Says("there is no program 'no-such-qemu'", _wrapper, "no-such-qemu");
        string odd = Directory.CreateDirectory(_folder.File("odd: place")).FullName;
        File.Copy(_shim, Path.Combine(odd, Path.GetFileName(_shim)));
        Says("LD_PRELOAD can't hold", PutInto(odd), "/bin/true");
        File.Delete(_shim);
        Says($"'{_shim}' is missing", _wrapper, "/bin/true");

        static void Says(string words, string wrapper, string qemu)
        {
            using Process process = Run(wrapper, qemu, []);
            Assert.Equal(1, End(process, out string problem));
            Assert.StartsWith("vmi-qemu: ", problem, StringComparison.Ordinal);
            Assert.Contains(words, problem, StringComparison.Ordinal);
        }
    }

    /// <summary>As libvirt asks an emulator what it can do (src/qemu/qemu_process.c, qemuProcessQMPLaunch).</summary>
    [Fact]
    public void libvirt_can_ask_what_QEMU_can_do()
    {
        if (!File.Exists(IdleQemu.Program))
            Assert.Skip($"needs {IdleQemu.Program}");
        string monitor = _folder.File("monitor"), pid = _folder.File("pid");
        using Process process = Run(_wrapper, null,
            ["-S", "-no-user-config", "-nodefaults", "-nographic", "-machine", "none,accel=kvm:tcg", "-qmp", $"unix:{monitor},server=on,wait=off",
                "-pidfile", pid, "-daemonize"]);
        Assert.Equal(0, End(process, out string problem));
        Assert.DoesNotContain("ld.so", problem, StringComparison.Ordinal);
        using var qemu = Process.GetProcessById(int.Parse(File.ReadAllText(pid), System.Globalization.CultureInfo.InvariantCulture));
        try
        {
            Assert.Contains(ProcessMapping.ReadAll(qemu.Id, out _)!, m => m.Path == _shim);
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(monitor));
            using var stream = new NetworkStream(socket);
            using var answers = new StreamReader(stream);
            Assert.Contains("\"QMP\"", answers.ReadLine(), StringComparison.Ordinal);
            stream.Write("{\"execute\":\"qmp_capabilities\"}{\"execute\":\"query-machines\"}"u8);
            Assert.Contains("return", answers.ReadLine(), StringComparison.Ordinal);
            Assert.Contains("q35", answers.ReadLine(), StringComparison.Ordinal);
        }
        finally
        {
            qemu.Kill();
        }
    }

    /// <summary>The one that was built, with its mode.</summary>
    private static string PutInto(string folder)
    {
        string built = Path.Combine(AppContext.BaseDirectory, "native", "vmi-qemu"), path = Path.Combine(folder, "vmi-qemu");
        Assert.True(File.GetUnixFileMode(built).HasFlag(UnixFileMode.OtherExecute | UnixFileMode.OtherRead));
        File.Copy(built, path);
        return path;
    }

    private static Process Run(string wrapper, string? qemu, string[] arguments, params (string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo(wrapper, arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, StandardOutputEncoding = Encoding.UTF8,
        };
        start.Environment.Remove("VMI_QEMU");
        if (qemu is not null)
            start.Environment["VMI_QEMU"] = qemu;
        foreach ((string name, string value) in variables)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static int End(Process process, out string problem)
    {
        problem = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
