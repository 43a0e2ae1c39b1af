using System.Text;

namespace VmiPl.TestGuests;

/// <summary>The module files of one kernel. Packages carry no modules.dep (it is made on installation), so the order is
/// taken from what each module says of itself (<c>depends=</c> in its <c>.modinfo</c> section).</summary>
internal sealed class KernelModules
{
    private readonly Dictionary<string, string> _files = [];

    /// <param name="folder">The folder <c>lib/modules/RELEASE</c>; null for a kernel with everything built in.</param>
    public KernelModules(string? folder)
    {
        if (folder is null || !Directory.Exists(folder))
            return;
        foreach (var file in Directory.EnumerateFiles(folder, "*.ko*", SearchOption.AllDirectories))
            _files[NameOf(file)] = file;
    }

    /// <summary>The wanted modules and all that they need, dependencies first, decompressed. A name without a file is left
    /// out: built in, or not of this kernel.</summary>
    public List<(string Name, byte[] Content)> Load(IEnumerable<string> wanted)
    {
        var result = new List<(string, byte[])>();
        var seen = new HashSet<string>();
        foreach (var name in wanted)
            Add(name);
        return result;

        void Add(string name)
        {
            if (!seen.Add(name) || !_files.TryGetValue(name, out var file))
                return;
            var content = Decompress(file);
            foreach (var needed in DependenciesOf(content))
                Add(needed);
            result.Add((name, content));
        }
    }

    private static string NameOf(string file) =>
        Path.GetFileName(file).Split(".ko", 2)[0].Replace('-', '_');

    private static string[] DependenciesOf(ReadOnlySpan<byte> module)
    {
        var start = module.IndexOf("\0depends="u8);
        if (start < 0)
            return [];
        var value = module[(start + "\0depends=".Length)..];
        return Encoding.ASCII.GetString(value[..value.IndexOf((byte)0)])
            .Split(',', StringSplitOptions.RemoveEmptyEntries).Select(n => n.Replace('-', '_')).ToArray();
    }

    private static byte[] Decompress(string file)
    {
        var program = Path.GetExtension(file) switch { ".xz" => "xz", ".zst" => "zstd", ".gz" => "gzip", _ => null };
        if (program is null)
            return File.ReadAllBytes(file);
        using var process = System.Diagnostics.Process.Start(Command.Describe(program, ["-dc", file]))!;
        process.StandardInput.Close();
        using var content = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(content);
        process.WaitForExit();
        return process.ExitCode == 0 ? content.ToArray() : throw new GuestException($"{program} cannot unpack {file}");
    }
}
