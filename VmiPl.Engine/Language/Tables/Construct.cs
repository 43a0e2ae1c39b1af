using System.Collections.Immutable;
using System.Text;

namespace VmiPl.Language.Tables;

/// <summary>One name of the language and all that is to be known of it without a guest.</summary>
public sealed record Construct
{
    /// <summary>The name in the language's spelling; scripts may write it in any case.</summary>
    public required string Name { get; init; }
    /// <summary>What sort of thing it is.</summary>
    public required ConstructKind Kind { get; init; }
    /// <summary>Where it may stand.</summary>
    public required ConstructPlaces Places { get; init; }
    /// <summary>Whether it has a body in braces.</summary>
    public BodyUse Body { get; init; }
    /// <summary>Its parameters. Optional ones are at the end; at most one is repeated, and after that comes an output only.</summary>
    public ImmutableArray<ConstructParameter> Parameters { get; init; } = [];
    /// <summary>One sentence.</summary>
    public required string Summary { get; init; }
    /// <summary>What else there is to know, or an empty text.</summary>
    public string Remarks { get; init; } = "";
    /// <summary>A piece of a script that uses it; valid where it may stand.</summary>
    public required string Example { get; init; }
    /// <summary>Whether it is of the published language; else it is an addition of this implementation.</summary>
    public bool IsPublished { get; init; } = true;

    /// <summary>Whether a label may stand before it.</summary>
    public bool TakesLabel => Kind is ConstructKind.EventProbe or ConstructKind.StreamProbe;

    /// <summary>The fewest arguments.</summary>
    public int MinArguments => Parameters.Count(parameter => !parameter.IsOptional);

    /// <summary>The most arguments, or <see cref="int.MaxValue"/>.</summary>
    public int MaxArguments => Parameters.Any(parameter => parameter.IsRepeated) ? int.MaxValue : Parameters.Length;

    /// <summary>Its kind in words: <c>event probe</c>.</summary>
    public string KindName => Kind switch
    {
        ConstructKind.Block => "block",
        ConstructKind.EventProbe => "event probe",
        ConstructKind.DataProbe => "data probe",
        ConstructKind.Filter => "filter",
        ConstructKind.Instruction => "instruction",
        _ => "stream probe",
    };

    /// <summary>How it is written: <c>ReadMemory(&lt;address&gt;, &lt;size&gt;[, &lt;output&gt;])</c>.</summary>
    public string Signature
    {
        get
        {
            if (Parameters.IsEmpty)
                return Name;
            var text = new StringBuilder(Name).Append(Parameters[0].IsOptional ? "[" : "").Append('(');
            for (int i = 0; i < Parameters.Length; i++)
            {
                ConstructParameter parameter = Parameters[i];
                string comma = i == 0 ? "" : ", ", repeated = parameter.IsRepeated ? ", …" : "";
                text.Append(parameter.IsOptional && i > 0 ? $"[{comma}<{parameter.Name}>{repeated}]" : $"{comma}<{parameter.Name}>{repeated}");
            }
            return text.Append(')').Append(Parameters[0].IsOptional ? "]" : "").ToString();
        }
    }
}
