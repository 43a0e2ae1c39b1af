using System.Management.Automation;
using VmiPl.Machines;

namespace VmiPl.Commands.Memory;

/// <summary>Shows how far a save is. Called on the cmdlet's own thread; a stopped pipeline ends the save here.</summary>
internal sealed class SaveProgress(Cmdlet command, VmiMachine machine) : IProgress<double>
{
    private const int Activity = 1;
    private int _shown = -1;

    public void Report(double value)
    {
        int percent = (int)(Math.Clamp(value, 0, 1) * 100);
        // One record per percent: the host draws every one.
        if (percent == _shown)
            return;
        _shown = percent;
        command.WriteProgress(new ProgressRecord(Activity, $"Saving the memory of {machine.Name}", $"{percent} %")
        {
            PercentComplete = percent,
            RecordType = percent == 100 ? ProgressRecordType.Completed : ProgressRecordType.Processing,
        });
    }
}
