using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;

namespace VmiPl.Benchmarks;

/// <summary>Runs one class of benchmarks in this process (its guests live here) and gives each method's median in ns and the
/// bytes that it allocates per call.</summary>
internal static class Runner
{
    public static IReadOnlyDictionary<string, (double Nanoseconds, long Bytes)> Run<T>()
    {
        Job job = Job.Default.WithToolchain(InProcessNoEmitToolchain.Instance)
            .WithWarmupCount(5).WithIterationCount(15).WithMinIterationTime(Perfolizer.Horology.TimeInterval.FromMilliseconds(50));
        ManualConfig config = ManualConfig.CreateEmpty()
            .AddJob(job)
            .AddLogger(NullLogger.Instance)
            .AddDiagnoser(MemoryDiagnoser.Default)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .WithOptions(ConfigOptions.DisableLogFile | ConfigOptions.DisableOptimizationsValidator);
        Summary summary = BenchmarkRunner.Run<T>(config);
        var results = new Dictionary<string, (double, long)>();
        foreach (BenchmarkReport report in summary.Reports)
        {
            string name = report.BenchmarkCase.Descriptor.WorkloadMethod.Name;
            if (report.ResultStatistics is not { } statistics)
                throw new InvalidOperationException($"The benchmark {name} failed: {string.Join("; ", report.ExecuteResults.SelectMany(r => r.Errors))}");
            results[name] = (statistics.Median, report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase) ?? 0);
        }
        return results;
    }
}
