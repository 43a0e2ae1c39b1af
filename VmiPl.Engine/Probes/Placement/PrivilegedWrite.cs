namespace VmiPl.Probes.Placement;

/// <summary>What a privileged instruction writes (Intel SDM volume 2). Several can be asked for at a time.</summary>
[Flags]
public enum PrivilegedWrite
{
    /// <summary>Nothing.</summary>
    None = 0,
    /// <summary>CR0: <c>mov cr0</c>, <c>lmsw</c>, <c>clts</c>.</summary>
    Cr0 = 1,
    /// <summary>CR3: <c>mov cr3</c>.</summary>
    Cr3 = 2,
    /// <summary>CR4: <c>mov cr4</c>.</summary>
    Cr4 = 4,
    /// <summary>CR8, the task priority: <c>mov cr8</c>.</summary>
    Cr8 = 8,
    /// <summary>A model specific register: <c>wrmsr</c>, <c>wrmsrns</c> with the number in ECX or in the instruction, <c>wrmsrlist</c>.</summary>
    Msr = 16,
    /// <summary>IDTR: <c>lidt</c>.</summary>
    Idtr = 32,
    /// <summary>GDTR: <c>lgdt</c>.</summary>
    Gdtr = 64,
    /// <summary>All of them.</summary>
    All = Cr0 | Cr3 | Cr4 | Cr8 | Msr | Idtr | Gdtr,
}
