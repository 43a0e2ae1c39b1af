namespace VmiPl.Compilation.Bytecode;

/// <summary>What is known of a <see cref="Helper"/> without running it: its name as programs are shown, and how many of r1 to r5
/// it reads.</summary>
internal readonly record struct HelperSignature(string Name, int Arguments)
{
    /// <summary>The signature of the helper with that id; false where there is none.</summary>
    public static bool TryGet(int id, out HelperSignature signature)
    {
        signature = (Helper)id switch
        {
            Helper.ReadRegister => new("read_register", 1),
            Helper.ReadVirtual => new("read_virtual", 4),
            Helper.ReadPhysical => new("read_physical", 3),
            Helper.WriteVirtual => new("write_virtual", 4),
            Helper.Translate => new("translate", 2),
            Helper.ReadString => new("read_string", 4),
            Helper.Emit => new("emit", 3),
            Helper.Pause => new("pause", 0),
            Helper.SelectBody => new("select_body", 2),
            Helper.ReadExitField => new("read_exit_field", 2),
            Helper.CurrentVcpu => new("current_vcpu", 0),
            _ => default,
        };
        return signature.Name is not null;
    }
}
