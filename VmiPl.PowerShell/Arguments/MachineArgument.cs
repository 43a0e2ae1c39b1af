using System.Diagnostics;
using System.Globalization;
using VmiPl.Machines;

namespace VmiPl.Commands.Arguments;

/// <summary>What <c>-Machine</c> takes: a machine object, a name (wildcards allowed), a QEMU process or its id. A type of its
/// own, so that a string property named <c>Machine</c> binds from the pipeline while other objects don't bind by value.</summary>
public sealed class MachineArgument
{
    /// <summary>A machine object.</summary>
    public MachineArgument(VmiMachine machine) => Machine = machine ?? throw new ArgumentNullException(nameof(machine));

    /// <summary>A name, a wildcard pattern or a process id in decimal.</summary>
    public MachineArgument(string name) => Name = name ?? throw new ArgumentNullException(nameof(name));

    /// <summary>A QEMU process by id.</summary>
    public MachineArgument(int processId) => Name = processId.ToString(CultureInfo.InvariantCulture);

    /// <summary>A QEMU process.</summary>
    public MachineArgument(Process process)
        : this((process ?? throw new ArgumentNullException(nameof(process))).Id)
    {
    }

    /// <summary>The machine object, where one was given.</summary>
    public VmiMachine? Machine { get; }

    /// <summary>The name, pattern or process id, where no object was given.</summary>
    public string? Name { get; }

    /// <summary>The name.</summary>
    public override string ToString() => Machine?.Name ?? Name ?? "";
}
