using System.Collections.Immutable;
using VmiPl.Language.Model;

namespace VmiPl.Compilation.Lowering;

/// <summary>What registers mean at an event's place. <paramref name="IsSaved"/>: the general ones are those that a program had when it made a system
/// call, as saved by the kernel; else they are the vCPU's. <paramref name="Numbers"/>: the system calls wanted, by <paramref name="Number"/>, where
/// others pass the place too; else empty.</summary>
internal sealed record EventRegisters(bool IsSaved, RegisterOperand Number, ImmutableArray<int> Numbers)
{
    private static readonly RegisterOperand Accumulator = new(GuestRegister.Rax, 32, "EAX", default);

    /// <summary>The vCPU's own.</summary>
    public static EventRegisters OfVcpu { get; } = new(false, Accumulator, []);

    /// <summary>A program's, at a system call, of which only those numbers are wanted where there are any.</summary>
    public static EventRegisters OfCaller(ImmutableArray<int> numbers) => new(true, Accumulator, numbers);
}
