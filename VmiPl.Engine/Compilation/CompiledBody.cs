using VmiPl.Compilation.Bytecode;

namespace VmiPl.Compilation;

/// <summary>What an event probe runs: the program, whether it does nothing (so that the event need not be watched), and what it costs.</summary>
public sealed record CompiledBody(ProbeProgram Program, bool IsEmpty, BodyCost Cost);
