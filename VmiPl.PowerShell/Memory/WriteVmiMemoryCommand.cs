using System.Management.Automation;
using VmiPl.Errors;

namespace VmiPl.Commands.Memory;

/// <summary><c>Write-VmiMemory</c>: changes a guest's memory, all of the range or none of it.</summary>
[Cmdlet(VerbsCommunications.Write, "VmiMemory", DefaultParameterSetName = VirtualSet, SupportsShouldProcess = true)]
[OutputType(typeof(VmiMemoryChange))]
public sealed class WriteVmiMemoryCommand : MemoryCommand
{
    /// <summary>What to write: bytes, or values of the kind that <see cref="As"/> says.</summary>
    [Parameter(Mandatory = true, Position = 2)]
    [ValidateNotNullOrEmpty]
    public object[] Value { get; set; } = [];

    /// <summary>As what the values are taken; bytes where left out.</summary>
    [Parameter]
    public MemoryValueKind As { get; set; } = MemoryValueKind.Bytes;

    /// <summary>Whether the change is put out.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    private protected override void Process(MemoryView view)
    {
        byte[] after = MemoryValue.Encode(As, Value);
        byte[] before = new byte[after.Length];
        // Reading it all first proves that every page is there, before the first byte is changed.
        int got = view.Read(view.Address, before);
        if (got < before.Length)
            throw Unwritable(view, (ulong)got, "nothing was written");
        string where = $"0x{view.Address:x} in {view.Space} of '{view.Machine.Name}'";
        if (!ShouldProcess(where, $"Write {after.Length} bytes: {Shown(after)} (now {Shown(before)})"))
            return;
        int put = view.Write(after);
        if (put < after.Length)
        {
            int restored = put > 0 ? view.Write(before.AsSpan(0, put)) : 0;
            throw Unwritable(view, (ulong)put, put == 0 ? "nothing was written" : $"{put} bytes were written and {restored} restored");
        }
        if (PassThru)
            WriteObject(new VmiMemoryChange(view.Machine.Name, view.Address, view.Kind, view.ProcessId, before, after));
    }

    private static string Shown(byte[] bytes)
    {
        const int Most = 16;
        string hex = Convert.ToHexStringLower(bytes.AsSpan(0, Math.Min(bytes.Length, Most)));
        return bytes.Length > Most ? hex + "…" : hex;
    }

    private static VmiException Unwritable(MemoryView view, ulong offset, string done) =>
        new(VmiErrorCode.AddressUnwritable,
            $"0x{view.Address + offset:x} in {view.Space} of '{view.Machine.Name}' cannot be written (memory is reached by {view.Machine.MemoryAccess}); {done}.",
            $"0x{view.Address + offset:x}");
}
