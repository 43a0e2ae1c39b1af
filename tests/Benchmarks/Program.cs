using System.Globalization;
using VmiPl.Benchmarks;

// Prints each figure next to what it is measured against, in one run. Benchmarks do not decide whether tests pass.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
string[] wanted = args.Length == 0 ? ["stream", "list", "attach", "programs", "language", "streams", "probes", "drivers", "receive"] : args;
var report = new Report();
foreach (string section in wanted)
{
    switch (section)
    {
        case "stream":
            StreamSection.Run(report);
            break;
        case "list":
            ListSection.Run(report);
            break;
        case "attach":
            AttachSection.Run(report);
            break;
        case "programs":
            ProgramSection.Run(report);
            break;
        case "language":
            LanguageSection.Run(report);
            break;
        case "streams":
            RecordSection.Run(report);
            break;
        case "probes":
            ProbeSection.Run(report);
            break;
        case "drivers":
            DriverSection.Run(report);
            break;
        case "receive":
            ReceiveSection.Run(report);
            break;
        default:
            Console.Error.WriteLine($"There is no benchmark '{section}'; there are stream, list, attach, programs, language, streams, probes, drivers, receive.");
            return 2;
    }
}
report.Print();
return 0;
