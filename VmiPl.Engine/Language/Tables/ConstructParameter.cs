namespace VmiPl.Language.Tables;

/// <summary>One parameter of a construct. <see cref="Name"/> is what stands in angle brackets where the construct is explained. A repeated
/// one has one argument or more.</summary>
public sealed record ConstructParameter(string Name, ParameterKind Kind, string Description, bool IsOptional = false, bool IsRepeated = false)
{
    /// <summary>What its argument has to be, in words.</summary>
    public string Phrase => ParameterPhrases.Of(Kind);
}
