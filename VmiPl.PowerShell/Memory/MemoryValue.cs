using System.Buffers.Binary;
using System.Management.Automation;
using System.Text;
using VmiPl.Errors;

namespace VmiPl.Commands.Memory;

/// <summary>Between the guest's bytes and PowerShell's values.</summary>
internal static class MemoryValue
{
    /// <summary>Bytes of one number, or 0 where the kind is no number.</summary>
    public static int SizeOf(MemoryValueKind kind) => kind switch
    {
        MemoryValueKind.Byte or MemoryValueKind.SByte => 1,
        MemoryValueKind.UInt16 or MemoryValueKind.Int16 => 2,
        MemoryValueKind.UInt32 or MemoryValueKind.Int32 => 4,
        MemoryValueKind.UInt64 or MemoryValueKind.Int64 => 8,
        _ => 0,
    };

    /// <summary>One number out of as many bytes as it has.</summary>
    public static object Decode(MemoryValueKind kind, ReadOnlySpan<byte> bytes) => kind switch
    {
        MemoryValueKind.Byte => bytes[0],
        MemoryValueKind.SByte => unchecked((sbyte)bytes[0]),
        MemoryValueKind.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
        MemoryValueKind.Int16 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
        MemoryValueKind.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        MemoryValueKind.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
        MemoryValueKind.UInt64 => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        MemoryValueKind.Int64 => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>The bytes of values. Throws <c>InvalidArgument</c> where a value is not of the kind or does not fit.</summary>
    public static byte[] Encode(MemoryValueKind kind, object[] values)
    {
        List<byte> bytes = [];
        foreach (object value in values)
        {
            object plain = value is PSObject wrapped ? wrapped.BaseObject : value;
            try
            {
                bytes.AddRange(EncodeOne(kind, plain));
            }
            catch (Exception e) when (e is PSInvalidCastException or FormatException or OverflowException)
            {
                throw new VmiException(VmiErrorCode.InvalidArgument, $"'{plain}' is no value of kind {kind}: {e.Message}", plain?.ToString(), e);
            }
        }
        return [.. bytes];
    }

    private static byte[] EncodeOne(MemoryValueKind kind, object value) => kind switch
    {
        MemoryValueKind.Block or MemoryValueKind.Bytes when value is VmiMemoryBlock block => block.Bytes,
        MemoryValueKind.Block or MemoryValueKind.Bytes when value is byte[] array => array,
        MemoryValueKind.Block or MemoryValueKind.Bytes or MemoryValueKind.Byte => [To<byte>(value)],
        MemoryValueKind.Hex => Convert.FromHexString(To<string>(value).Replace(" ", "", StringComparison.Ordinal)),
        MemoryValueKind.String => Encoding.UTF8.GetBytes(To<string>(value)),
        MemoryValueKind.SByte => [unchecked((byte)To<sbyte>(value))],
        MemoryValueKind.UInt16 => Little(To<ushort>(value), 2),
        MemoryValueKind.Int16 => Little(unchecked((ulong)To<short>(value)), 2),
        MemoryValueKind.UInt32 => Little(Unsigned(value, 32), 4),
        MemoryValueKind.Int32 => Little(unchecked((ulong)To<int>(value)), 4),
        MemoryValueKind.UInt64 => Little(Unsigned(value, 64), 8),
        MemoryValueKind.Int64 => Little(unchecked((ulong)To<long>(value)), 8),
        _ => throw new FormatException("unknown kind"),
    };

    /// <summary>PowerShell reads a hex literal with its top bit set as a negative number of 32 or 64 bits: its bits are meant.</summary>
    private static ulong Unsigned(object value, int bits) => (value, bits) switch
    {
        (int negative and < 0, _) => unchecked((uint)negative),
        (long negative and < 0, 64) => unchecked((ulong)negative),
        (_, 32) => To<uint>(value),
        _ => To<ulong>(value),
    };

    private static byte[] Little(ulong value, int size)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return bytes[..size];
    }

    private static T To<T>(object value) => LanguagePrimitives.ConvertTo<T>(value);
}
