using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace VmiPl.Streams.Files;

/// <summary>One JSON object a line (jsonlines.org) with all properties of the record: bytes in hexadecimal, times in UTC as ISO 8601,
/// everything but printable ASCII escaped.</summary>
internal sealed class JsonLines : LineFormat
{
    private static readonly JsonSerializerOptions Options = new()
    {
        Converters = { new JsonStringEnumConverter(), new HexArray(), new HexList() },
    };

    /// <inheritdoc/>
    public override void Format(VmiRecord record, IBufferWriter<byte> to)
    {
        using (var json = new Utf8JsonWriter(to))
            JsonSerializer.Serialize(json, record, record.GetType(), Options);
        to.Write("\n"u8);
    }

    private static byte[] Parse(string? text) => Convert.FromHexString(text ?? "");

    private sealed class HexArray : JsonConverter<byte[]>
    {
        public override byte[] Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Parse(reader.GetString());

        public override void Write(Utf8JsonWriter writer, byte[] value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Convert.ToHexStringLower(value));
    }

    private sealed class HexList : JsonConverter<IReadOnlyList<byte>>
    {
        public override IReadOnlyList<byte> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Parse(reader.GetString());

        public override void Write(Utf8JsonWriter writer, IReadOnlyList<byte> value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Convert.ToHexStringLower(value as byte[] ?? [.. value]));
    }
}
