using System.Collections.Immutable;
using VmiPl.Language.Model;
using VmiPl.Language.Syntax;
using VmiPl.Language.Tables;

namespace VmiPl.Language.Checking;

/// <summary>There is one Configuration at most; it has no arguments, and each of its lines is a known key with a value of its form.</summary>
internal static class ConfigurationPass
{
    private const string BlockName = "Configuration";

    public static ImmutableArray<ConfigurationKey> Check(ScriptSyntax script, DiagnosticBag diagnostics)
    {
        var keys = ImmutableArray.CreateBuilder<ConfigurationKey>();
        InvocationSyntax? first = null;
        foreach (InvocationSyntax block in script.Entries.OfType<InvocationSyntax>())
        {
            if (!block.Name.Text.Equals(BlockName, StringComparison.OrdinalIgnoreCase))
                continue;
            if (first is not null)
                diagnostics.Report(DiagnosticIds.SecondConfiguration, block.Name.Span, null, diagnostics.Source.PositionOf(first.Name.Span.Start).Line);
            new Arguments(block, ConstructTable.Find(BlockName)!, diagnostics).HaveRightCount();
            var found = new Dictionary<string, SettingSyntax>(StringComparer.OrdinalIgnoreCase);
            foreach (EntrySyntax entry in block.Body ?? [])
            {
                if (diagnostics.IsFull)
                    return keys.ToImmutable();
                if (entry is InvocationSyntax invocation)
                    diagnostics.Report(DiagnosticIds.NoSetting, invocation.Name.Span, null, Shown.Of(invocation.Name.Text));
                else if (entry is SettingSyntax setting && Setting(setting, found, diagnostics) is { } key && first is null)
                    keys.Add(key);
            }
            first ??= block;
        }
        return keys.ToImmutable();
    }

    private static ConfigurationKey? Setting(SettingSyntax setting, Dictionary<string, SettingSyntax> found, DiagnosticBag diagnostics)
    {
        string name = setting.Key.Text;
        if (ConfigurationKeyTable.Find(name) is not { } key)
        {
            diagnostics.Report(DiagnosticIds.UnknownKey, setting.Key.Span, NearestName.Hint(name, ConfigurationKeyTable.All.Select(known => known.Name)), Shown.Of(name));
            return null;
        }
        if (!found.TryAdd(key.Name, setting))
        {
            diagnostics.Report(DiagnosticIds.DuplicateKey, setting.Key.Span, null, key.Name, diagnostics.Source.PositionOf(found[key.Name].Key.Span.Start).Line);
            return null;
        }
        if (setting.Value is MissingSyntax)
            return null;
        if (IsOfForm(setting.Value, key.Form))
            return new ConfigurationKey(key.Name, Shown.Text(setting.Value), setting.Span);
        string? hint = setting.Value is WordSyntax word && key.Form == ConfigurationValueForm.Register ? NearestName.Hint(word.Text, RegisterTable.Names) : null;
        diagnostics.Report(DiagnosticIds.BadKeyValue, setting.Value.Span, hint, key.Name, key.Phrase, Shown.Text(setting.Value));
        return null;
    }

    private static bool IsOfForm(ArgumentSyntax value, ConfigurationValueForm form) => form switch
    {
        ConfigurationValueForm.Register => value is WordSyntax word && RegisterTable.Find(word.Text) is not null,
        ConfigurationValueForm.Address => IsNumberTo(value, ulong.MaxValue),
        ConfigurationValueForm.Offset => IsNumberTo(value, ConfigurationKeyDefinition.MaxOffset),
        _ => IsNumberTo(value, byte.MaxValue),
    };

    // A number of more digits than any value has would not be shown whole.
    private static bool IsNumberTo(ArgumentSyntax value, ulong max) =>
        value is NumberSyntax { IsNegative: false, Digits.Length: < 60 } number && NumberText.TryRead(number, out ulong read) && read <= max;
}
