using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using VmiPl.TestGuests;
using VmiPl.Probes.Placement;
using VmiPl.Tests.Synthetic;

namespace VmiPl.Tests.Probes.Placement;

/// <summary>What binutils make of a run of code: an object file of it with its symbols, read by <c>objdump -d</c>, which begins anew at each
/// symbol.</summary>
internal static partial class ReferenceDisassembly
{
    public static async Task<List<(ulong Address, PrivilegedWrite Kind)>> PrivilegedWritesAsync(ulong start, byte[] code, IEnumerable<ulong> functions, bool is64Bit)
    {
        using var folder = new TemporaryFolder();
        string bytes = Path.Combine(folder.FullName, "code"), source = Path.Combine(folder.FullName, "code.s"), file = Path.Combine(folder.FullName, "code.o");
        await File.WriteAllBytesAsync(bytes, code);
        var text = new StringBuilder($".text\n.L0: .incbin \"{bytes}\"\n");
        foreach (ulong function in functions.Where(at => at >= start && at < start + (ulong)code.Length).Distinct())
            text.Append(CultureInfo.InvariantCulture, $".globl f{function - start:x}\n.type f{function - start:x}, @function\n.set f{function - start:x}, .L0+{function - start}\n");
        await File.WriteAllTextAsync(source, text.ToString());
        await foreach (string line in RunAsync("as", is64Bit ? "--64" : "--32", source, "-o", file))
            Assert.Fail(line);
        var found = new List<(ulong, PrivilegedWrite)>();
        await foreach (string line in RunAsync("objdump", "-d", "-w", "--no-show-raw-insn", file))
        {
            Match match = Line().Match(line);
            if (match.Success && KindOf(match.Groups[2].Value) is var kind and not PrivilegedWrite.None)
                found.Add((start + ulong.Parse(match.Groups[1].Value, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture), kind));
        }
        return found;
    }

    private static PrivilegedWrite KindOf(string instruction)
    {
        Match control = ControlRegister().Match(instruction);
        if (control.Success)
            return Enum.Parse<PrivilegedWrite>("Cr" + control.Groups[1].Value);
        // Prefixes stand in front; operands behind.
        string[] words = instruction.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        foreach (string word in words.Take(3))
        {
            switch (word)
            {
                case "clts" or "lmsw": return PrivilegedWrite.Cr0;
                case "wrmsr" or "wrmsrns" or "wrmsrlist": return PrivilegedWrite.Msr;
                case "lidt" or "lidtl" or "lidtw": return PrivilegedWrite.Idtr;
                case "lgdt" or "lgdtl" or "lgdtw": return PrivilegedWrite.Gdtr;
            }
        }
        return PrivilegedWrite.None;
    }

    private static async IAsyncEnumerable<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        while (await process.StandardOutput.ReadLineAsync() is { } line)
            yield return line;
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }

    [GeneratedRegex(@"^\s*([0-9a-f]+):\t(.*(?:%cr[0348]\b|clts|lmsw|wrmsr|lidt|lgdt).*)$")]
    private static partial Regex Line();

    [GeneratedRegex(@"\bmov\s+%\w+,%cr([0348])\b")]
    private static partial Regex ControlRegister();
}
