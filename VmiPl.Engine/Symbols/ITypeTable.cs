namespace VmiPl.Symbols;

/// <summary>Layouts of the guest kernel's C types. Immutable once made; safe from any thread.</summary>
public interface ITypeTable
{
    /// <summary>The offset in bytes of a member of <c>struct type</c> (or union). Anonymous members are descended into, and
    /// <paramref name="member"/> may be a path: <c>"f_path.dentry"</c>. False where there is no such type or member, or the
    /// member is a bit field that does not start at a byte.</summary>
    bool TryGetOffset(string type, string member, out int offset);

    /// <summary>The size in bytes of <c>struct type</c> (or union).</summary>
    bool TryGetSize(string type, out int size);

    /// <summary>The size in bytes of a member, array members included as a whole.</summary>
    bool TryGetMemberSize(string type, string member, out int size);
}
