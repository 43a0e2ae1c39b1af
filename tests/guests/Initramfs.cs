using System.Text;

namespace VmiPl.TestGuests;

/// <summary>Makes the guest's first root file system: the agent, the program behind its processes, the needed modules.</summary>
internal static class Initramfs
{
    // The agent's way out is a virtio disk; virtio_pci carries it.
    private static readonly string[] _needed = ["virtio_pci", "virtio_blk"];

    /// <summary>Writes it to a file; <paramref name="spare"/> are files of modules that lie there without being loaded.</summary>
    public static void Write(string path, InstalledKernel kernel, IEnumerable<string> modules, params IEnumerable<string> spare)
    {
        var agent = AgentBuild.ForGuest(kernel.Architecture);
        using var file = File.Create(path);
        var archive = new CpioArchive(file);
        foreach (var folder in (ReadOnlySpan<string>)["dev", "proc", "sys", "run", "tmp", "modules"])
            archive.AddFolder(folder);
        archive.AddFile("init", File.ReadAllBytes(Path.Combine(agent, "init")));
        archive.AddFile("app", File.ReadAllBytes(Path.Combine(agent, "app")));
        var loaded = new KernelModules(kernel.Modules).Load([.. _needed, .. modules]);
        AddModules(archive, loaded);
        foreach (var module in spare)
            archive.AddFile($"modules/{Path.GetFileName(module)}", File.ReadAllBytes(module));
        archive.Finish();
    }

    /// <summary>Adds modules and the list by which <c>agent/modules.c</c> loads them, in this order.</summary>
    public static void AddModules(CpioArchive archive, List<(string Name, byte[] Content)> modules)
    {
        foreach (var (name, content) in modules)
            archive.AddFile($"modules/{name}.ko", content);
        archive.AddFile("modules/order", Encoding.ASCII.GetBytes(string.Concat(modules.Select(m => m.Name + ".ko\n"))));
    }
}
