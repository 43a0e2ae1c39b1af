namespace VmiPl.Language.Model;

/// <summary>A register as a script names it: <c>EAX</c> is <see cref="GuestRegister.Rax"/> with 32 bits, <c>RAX</c> with 64 (a 32-bit
/// guest has none such); <c>CR3</c> and others without a size in their name have 0, the guest's own size.</summary>
public sealed record RegisterOperand(GuestRegister Register, int Bits, string Name, SourceSpan Span);
