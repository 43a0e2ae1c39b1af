namespace VmiPl.Symbols.Btf;

/// <summary>Kinds of BTF types (Documentation/bpf/btf.rst, <c>BTF_KIND_*</c>).</summary>
internal enum BtfKind
{
#pragma warning disable CS1591 // the format's own names
    Void, Int, Pointer, Array, Struct, Union, Enum, Forward, Typedef, Volatile, Const, Restrict, Function, FunctionPrototype,
    Variable, DataSection, Float, DeclarationTag, TypeTag, Enum64,
#pragma warning restore CS1591
}
