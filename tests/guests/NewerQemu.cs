namespace VmiPl.TestGuests;

/// <summary>The KVM lab's QEMU for guests of its own: it is newer than that of the oldest distributions that the tests run on.</summary>
public static class NewerQemu
{
    /// <summary>Writes a script that becomes that QEMU, for <see cref="GuestOptions.Qemu"/>. What it needs is what <see cref="KvmLab.Missing"/> says.</summary>
    /// <exception cref="GuestException">There is none.</exception>
    public static void WriteTo(string path)
    {
        var qemu = LabQemu.Find();
        var modules = qemu.ModuleFolder is { } folder ? $"QEMU_MODULE_DIR='{folder}' " : "";
        File.WriteAllText(path, $"#!/bin/sh\n{modules}exec '{qemu.Program}'{string.Concat(qemu.DataFolders.Select(data => $" -L '{data}'"))} \"$@\"\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
