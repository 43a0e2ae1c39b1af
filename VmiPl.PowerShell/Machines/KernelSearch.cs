using VmiPl.Errors;
using VmiPl.Machines;

namespace VmiPl.Commands.Machines;

/// <summary>Looks for a machine's kernel where an answer is welcome but not needed.</summary>
internal static class KernelSearch
{
    /// <summary>Fills in <see cref="VmiMachine.KernelRelease"/> where it can. A machine that can't be read, or runs no Linux,
    /// is still a machine: why goes to <paramref name="explain"/>.</summary>
    public static void Try(VmiMachine machine, Action<string> explain)
    {
        if (machine.KernelRelease is not null)
            return;
        try
        {
            _ = EngineAccess.GuestOf(machine);
        }
        catch (VmiException e)
        {
            explain($"{machine.Name}: {e.Message}");
        }
    }
}
