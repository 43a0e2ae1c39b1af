using VmiPl.Compilation.Bytecode;
using VmiPl.Compilation.Records;
using VmiPl.Language.Model;
using static VmiPl.Compilation.Bytecode.ProgramRegister;

namespace VmiPl.Compilation.Lowering;

/// <summary>A record that says what did not work and where: a filter, a write or a look-up that has no record of its own kind. It goes to the
/// default stream, as nothing of the script names another.</summary>
internal static class FailureRecord
{
    /// <summary>The schema of failures of one construct of a body.</summary>
    public static int Schema(BodyContext context, string construct) =>
        context.Schemas.Add(context.Probe, construct, Output.Default, new FailureSchema());

    /// <summary>Hands out a failure at the address in R7.</summary>
    public static void Emit(BodyContext context, int schema, RecordStatus status, int size)
    {
        context.Need(FailureSchema.Size);
        context.Code.Store(R6, 0, (int)status, 4);
        context.Code.Store(R6, 4, size, 4);
        context.Code.Store(R6, 8, R7, 8);
        context.Emit(schema, 0, FailureSchema.Size);
    }
}
