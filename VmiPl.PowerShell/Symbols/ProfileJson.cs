using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace VmiPl.Commands.Symbols;

/// <summary>A profile as JSON. The form: <c>machine</c>, <c>kernelRelease</c>, <c>buildId</c> (or null), <c>architecture</c>,
/// <c>pagingMode</c>, <c>kernelBase</c>, <c>symbolCount</c>, <c>typeSource</c>; <c>symbols</c>, an array of <c>name</c>,
/// <c>address</c>, <c>source</c>; <c>offsets</c>, an array of <c>type</c>, <c>member</c>, <c>offset</c> (decimal bytes),
/// <c>source</c>. Addresses are <c>0x…</c> text, as JSON's numbers lose bits beyond 2^53.</summary>
internal static class ProfileJson
{
    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters = { new HexConverter() },
    };

    public static string Of(VmiProfile profile) => JsonSerializer.Serialize(profile, Options);

    private sealed class HexConverter : JsonConverter<ulong>
    {
        public override ulong Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            ulong.Parse(reader.GetString().AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

        public override void Write(Utf8JsonWriter writer, ulong value, JsonSerializerOptions options) =>
            writer.WriteStringValue(string.Create(CultureInfo.InvariantCulture, $"0x{value:x}"));
    }
}
