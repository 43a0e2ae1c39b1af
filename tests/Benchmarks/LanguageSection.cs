using System.Diagnostics;
using System.Text;
using BenchmarkDotNet.Attributes;
using VmiPl.Language;

namespace VmiPl.Benchmarks;

/// <summary>A script of 10,000 lines, read from its text and checked: the first call of a process, and a warm one.</summary>
internal static class LanguageSection
{
    private const double Aim = 300;

    public static void Run(Report report)
    {
        long start = Stopwatch.GetTimestamp();
        LanguageBenchmarks.Read(LanguageBenchmarks.Source);
        report.Add("A script of 10,000 lines, first call", $"{Stopwatch.GetElapsedTime(start).TotalMilliseconds:0.0} ms");
        (double nanoseconds, long bytes) = Runner.Run<LanguageBenchmarks>()[nameof(LanguageBenchmarks.Script)];
        report.Add("A script of 10,000 lines, warm", $"{nanoseconds / 1e6:0.0} ms", $"under {Aim} ms", nanoseconds / 1e6 < Aim);
        report.Add("Managed memory for it", $"{bytes / 1048576.0:0.0} MiB");
    }
}

public class LanguageBenchmarks
{
    private const int Lines = 10_000;

    /// <summary>What is measured.</summary>
    internal static void Read(SourceText source)
    {
        if (ScriptReader.Read(source).HasErrors)
            throw new InvalidOperationException("The script of the benchmark has mistakes.");
    }

    internal static SourceText Source { get; } = MakeSource();

    [Benchmark]
    public void Script() => Read(Source);

    private static SourceText MakeSource()
    {
        const string block = """
            exits{0}: ExecuteAt(do_exit + 0x10){{
                ReadRegister(RAX, #demo)
                ReadMemory(0xc104f060, 64, "/tmp/a file.bin")
                RegisterHasValue(RCX, 4711){{
                    ProcessList(PID, NAME, PATH, PGDP, #demo)
                    ReadMemoryAt(RSP, 16, -8, /tmp/out.txt)
                    Pause
                }}
                // what comes next is another process
            }}

            """;
        var text = new StringBuilder();
        for (int i = 0; i < Lines / 10; i++)
            text.AppendFormat(System.Globalization.CultureInfo.InvariantCulture, block, i);
        return new SourceText(text.ToString());
    }
}
