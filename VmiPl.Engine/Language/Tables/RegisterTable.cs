using VmiPl.Language.Model;

namespace VmiPl.Language.Tables;

/// <summary>The registers by the names that scripts may use, in any case.</summary>
public static class RegisterTable
{
    private static readonly Dictionary<string, (GuestRegister Register, int Bits)> ByName = Make();

    /// <summary>All names, in upper case, in the order of the architecture.</summary>
    public static IReadOnlyCollection<string> Names => ByName.Keys;

    /// <summary>The register of a name, or null. The span is the caller's to set.</summary>
    public static RegisterOperand? Find(string name, SourceSpan span = default) =>
        ByName.TryGetValue(name, out (GuestRegister Register, int Bits) found)
            ? new RegisterOperand(found.Register, found.Bits, name.ToUpperInvariant(), span)
            : null;

    private static Dictionary<string, (GuestRegister, int)> Make()
    {
        var names = new Dictionary<string, (GuestRegister, int)>(StringComparer.OrdinalIgnoreCase);
        foreach (GuestRegister register in Enum.GetValues<GuestRegister>())
        {
            string name = register.ToString().ToUpperInvariant();
            bool isGeneral = register <= GuestRegister.Rflags;
            names.Add(name, (register, isGeneral ? 64 : 0));
            // R8 to R15 have no 32-bit name of the published language's kind.
            if (isGeneral && !char.IsAsciiDigit(name[1]))
                names.Add("E" + name[1..], (register, 32));
        }
        return names;
    }
}
