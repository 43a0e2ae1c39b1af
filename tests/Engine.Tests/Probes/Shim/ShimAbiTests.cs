using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VmiPl.Probes.Shim.Abi;
using VmiPl.Tests.Repository;

namespace VmiPl.Tests.Probes.Shim;

/// <summary>The C header and its C# twin are one contract.</summary>
public sealed class ShimAbiTests
{
    private static readonly ShimHeader Header = new(File.ReadAllText(Path.Combine(RepositoryFolder.Root, "native-shim", "include", "vmi_shim.h")));

    [Fact]
    public void The_header_was_understood()
    {
        Assert.True(Header.Enums.Count >= 12);
        Assert.True(Header.Structs.Count >= 18);
        Assert.Contains("VMI_SHIM_ABI", Header.Defines.Keys);
    }

    [Fact]
    public void Every_single_number_is_the_same()
    {
        IEnumerable<(string Name, ulong Value)> expected = Header.Defines.Select(define => (define.Key, define.Value))
            .Concat(Header.Enums.Where(declared => declared.Name.Length == 0).SelectMany(declared => declared.Members));
        Assert.Equal(
            expected.Select(number => $"{ShimHeader.Pascal(number.Name["VMI_".Length..])} = {number.Value}").Order(),
            typeof(AbiNumbers).GetFields().Select(field => $"{field.Name} = {Convert.ToUInt64(field.GetRawConstantValue()!)}").Order());
    }

    [Fact]
    public void Every_enumeration_has_the_same_members()
    {
        foreach ((string name, List<(string Name, ulong Value)> members) in Header.Enums.Where(declared => declared.Name.Length > 0))
        {
            // One alone has nothing in common with others.
            string common = members.Count > 1 ? members[0].Name : name.Replace("_flag", "", StringComparison.Ordinal).ToUpperInvariant() + "_";
            while (!common.EndsWith('_') || !members.All(member => member.Name.StartsWith(common, StringComparison.Ordinal)))
                common = common[..^1];
            Type type = TypeOf(name);
            Assert.Equal(
                members.Select(member => $"{name}: {ShimHeader.Pascal(member.Name[common.Length..])} = {member.Value}"),
                Enum.GetNames(type).Select(member => $"{name}: {member} = {Convert.ToUInt64(Enum.Parse(type, member))}"));
        }
    }

    [Fact]
    public void Every_structure_has_the_same_size_and_fields()
    {
        foreach (HeaderStruct declared in Header.Structs)
        {
            Type type = TypeOf(declared.Name);
            Assert.Equal($"{declared.Name}: {declared.Size}", $"{declared.Name}: {Call<int>(nameof(SizeOf), type)}");
            Assert.Equal(
                declared.Fields.Where(field => !field.Name.StartsWith("unused", StringComparison.Ordinal)).Select(field => $"{declared.Name}.{ShimHeader.Pascal(field.Name)} at {field.Offset}, {field.Length}"),
                Fields(type).Select(field => Place(type, field)).OrderBy(place => place.Offset).Select(place => $"{declared.Name}.{place.Name} at {place.Offset}, {place.Length}"));
        }
    }

    [Fact]
    public void Nothing_is_there_that_the_header_has_not() => Assert.Equal(
        Header.Structs.Select(declared => declared.Name).Concat(Header.Enums.Where(declared => declared.Name.Length > 0).Select(declared => declared.Name)).Select(name => TypeOf(name).Name).Order(),
        typeof(AbiNumbers).Assembly.GetTypes().Where(type => type.Namespace == typeof(AbiNumbers).Namespace && type.IsValueType && !type.IsNested && type.GetCustomAttribute<InlineArrayAttribute>() is null)
            .Select(type => type.Name).Order());

    [Fact]
    public void The_record_ends_of_programs_are_those_of_the_interpreter() =>
        Assert.Equal([0, 1, 2, 3, 4], Enum.GetValues<VmiPl.Probes.Interpreter.ProgramEnd>().Select(end => (int)end));

    private static Type TypeOf(string name) =>
        typeof(AbiNumbers).Assembly.GetType($"{typeof(AbiNumbers).Namespace}.Abi{ShimHeader.Pascal(name["vmi_".Length..])}", throwOnError: true)!;

    private static IEnumerable<FieldInfo> Fields(Type type) =>
        type.GetFields(BindingFlags.Instance | BindingFlags.Public).Where(field => field.Name != "Unused");

    /// <summary>Where a field lies: the bytes that change when every bit of it is set.</summary>
    private static (string Name, int Offset, int Length) Place(Type type, FieldInfo field)
    {
        object boxed = Activator.CreateInstance(type)!;
        field.SetValue(boxed, Call<object>(nameof(AllOnes), field.FieldType));
        byte[] bytes = (byte[])typeof(ShimAbiTests).GetMethod(nameof(BytesOf), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(type).Invoke(null, [boxed])!;
        int first = Array.IndexOf(bytes, (byte)0xff), last = Array.LastIndexOf(bytes, (byte)0xff);
        Assert.True(bytes[first..(last + 1)].All(value => value == 0xff));
        return (field.Name, first, last - first + 1);
    }

    private static T Call<T>(string method, Type type) =>
        (T)typeof(ShimAbiTests).GetMethod(method, BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(type).Invoke(null, null)!;

    private static int SizeOf<T>() => Unsafe.SizeOf<T>();

    private static object AllOnes<T>() where T : unmanaged
    {
        T value = default;
        MemoryMarshal.AsBytes(new Span<T>(ref value)).Fill(0xff);
        return value;
    }

    private static byte[] BytesOf<T>(T value) where T : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).ToArray();
}
