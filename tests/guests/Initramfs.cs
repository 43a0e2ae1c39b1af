using System.Text;

namespace VmiPl.TestGuests;

/// <summary>Makes the guest's first root file system: the agent, the program behind its processes, the needed modules.</summary>
internal static class Initramfs
{
    // The agent's way out is a virtio disk; virtio_pci carries it.
    private static readonly string[] _needed = ["virtio_pci", "virtio_blk"];

    /// <summary>Writes it to a file.</summary>
    public static void Write(string path, InstalledKernel kernel, IEnumerable<string> modules)
    {
        var agent = AgentBuild.ForGuest(kernel.Architecture);
        using var file = File.Create(path);
        var archive = new CpioArchive(file);
        foreach (var folder in (ReadOnlySpan<string>)["dev", "proc", "sys", "run", "tmp", "modules"])
            archive.AddFolder(folder);
        archive.AddFile("init", File.ReadAllBytes(Path.Combine(agent, "init")));
        archive.AddFile("app", File.ReadAllBytes(Path.Combine(agent, "app")));
        var loaded = new KernelModules(kernel.Modules).Load([.. _needed, .. modules]);
        foreach (var (name, content) in loaded)
            archive.AddFile($"modules/{name}.ko", content);
        archive.AddFile("modules/order", Encoding.ASCII.GetBytes(string.Concat(loaded.Select(m => m.Name + ".ko\n"))));
        archive.Finish();
    }
}
