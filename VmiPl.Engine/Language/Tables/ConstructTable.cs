using System.Collections.Immutable;

namespace VmiPl.Language.Tables;

/// <summary>Every name of the language: the one table that scripts are checked against and that help and editors' grammars are made
/// from.</summary>
public static class ConstructTable
{
    private static readonly ConstructParameter Output =
        new("output", ParameterKind.Output, "Where the records go: a stream `#name` or a file's path. Left out: the stream `#default`.", IsOptional: true);
    private static readonly ConstructParameter Register = new("register", ParameterKind.Register, "A register of the vCPU that the event stopped.");
    private static readonly ConstructParameter Offset =
        new("offset", ParameterKind.Offset, "Bytes that are added to the register's value; may be negative.");
    private static readonly ConstructParameter Value =
        new("value", ParameterKind.Value, "A number; a negative one stands for its two's complement.");
    private static readonly ConstructParameter ValueSize =
        new("size", ParameterKind.ValueSize, "Bytes of the value: 1, 2, 4 or 8. Left out: the size of a pointer of the guest. An addition of VmiPl.", IsOptional: true);

    private const string TableWrites =
        "Seen are writes through every kernel address that leads to the table of a vCPU when the probes start, and through those that the kernel's vmap and vm_map_ram give later; "
        + "not seen are writes through page table entries that somebody makes in another way, through a process's addresses (text_poke, /dev/mem), by devices, or to a table that is loaded later (see IDTRWrite, GDTRWrite). "
        + "Under KVM there are no such watchpoints: the probe is refused.";

    /// <summary>All of them, in the order in which they are explained.</summary>
    public static ImmutableArray<Construct> All { get; } =
    [
        new()
        {
            Name = "Configuration", Kind = ConstructKind.Block, Places = ConstructPlaces.TopLevel, Body = BodyUse.Required,
            Summary = "Says how the guest's kernel is laid out, one `key: value` per line.",
            Remarks = "Everything in it may be left out: the guest itself then tells. A key that is given wins. A script has at most one.",
            Example = "Configuration{\n    ProcessListHead: 0xc17cdfe0\n    TasksOffset: 440\n}",
        },
        Event("CRWrite", "A vCPU writes a control register.", "CRWrite(3){\n    ReadRegister(CR3, #switches)\n}",
            [new("number", ParameterKind.ControlRegister, "The control register: 0, 3, 4 or 8.")],
            "The register has its new value in the body; the instruction that writes it has not run yet."),
        Event("MSRWrite", "A vCPU writes a model specific register.", "MSRWrite(LSTAR){\n    ReadRegister(RIP, #msr)\n}",
            [new("msr", ParameterKind.Msr, "That register only, by name or number; an addition of VmiPl. Left out: any.", IsOptional: true)],
            "The instruction has not run yet: ECX is the register's number, EDX:EAX the value."),
        Event("IDTRWrite", "A vCPU loads the interrupt descriptor table's address (lidt).", "IDTRWrite{\n    ReadRegister(IDTR)\n}", [],
            "The instruction has run: the register has its new value."),
        Event("GDTRWrite", "A vCPU loads the global descriptor table's address (lgdt).", "GDTRWrite{\n    ReadRegister(GDTR)\n}", [],
            "The instruction has run: the register has its new value."),
        Event("IDTWrite", "The memory of the interrupt descriptor table is written.", "IDTWrite{\n    ReadRegister(RIP)\n}", [], TableWrites),
        Event("GDTWrite", "The memory of the global descriptor table is written.", "GDTWrite{\n    ReadRegister(RIP)\n}", [],
            TableWrites + " The kernel itself writes this table each time it switches to another task."),
        Event("ReadAt", "An address is read.", "ReadAt(jiffies){\n    ReadRegister(RIP)\n}", [Address("read")],
            "The access has been made, and RIP stands behind it. Under KVM it takes one of a vCPU's four debug registers, as WriteAt does."),
        Event("WriteAt", "An address is written.", "WriteAt(0xffffffff82a00000){\n    ReadRegister(RIP)\n}", [Address("written")],
            "The memory holds what was written, and RIP stands behind the instruction. Under KVM it takes one of a vCPU's four debug registers, as ReadAt does."),
        Event("ExecuteAt", "The instruction at an address is about to run.", "ExecuteAt(do_exit){\n    ProcessList(PID, NAME)\n}", [Address("executed")]),
        Event("Syscall", "A program calls the kernel.", "Syscall(openat){\n    ReadString(RSI, 256, #opened)\n}",
            [new("call", ParameterKind.SystemCall, "That system call only, by number or (an addition of VmiPl) by name. `-` or left out: any.", IsOptional: true)],
            "The registers are those of the calling program at the moment of the call."),
        Event("OnResume", "A vCPU enters the guest again after it left it for the hypervisor's user space.", "OnResume{\n    ReadVMCS(VM_EXIT_REASON)\n}", [],
            "With the shim that is each time that QEMU lets a vCPU into the guest. Through QEMU's gdbstub it can be seen only where the whole machine was paused: then it fires on every vCPU when the machine runs on."),
        Event("OnExternalRequest", "An operator asks for it from outside.", "OnExternalRequest(1){\n    ProcessList(PID, NAME, PATH, PGDP)\n}",
            [new("id", ParameterKind.Request, "The number by which the operator asks.")]),
        Event("Interrupt", "The guest's handler of an interrupt or exception is entered.", "Interrupt(14){\n    ReadRegister(CR2, #faults)\n}",
            [new("vector", ParameterKind.Vector, "The interrupt's or exception's number: 14 is a page fault.")]) with { IsPublished = false },
        Data("ReadRegister", "Reads a register.", "ReadRegister(CR3, #demo)", [Register, Output]),
        Data("ReadMemory", "Reads bytes at an address.", "ReadMemory(jiffies, 8, #ticks)",
            [Address("read"), new("size", ParameterKind.ByteCount, "Bytes to read."), Output],
            "The comma between the address and the size may be left out, as the publication does."),
        Data("ReadMemoryAt", "Reads bytes at a register's value plus an offset.", "ReadMemoryAt(RSP, 64, 0, #stack)",
            [Register, new("size", ParameterKind.ByteCount, "Bytes to read."), Offset, Output]),
        Data("ReadString", "Reads a text, up to its closing NUL or the first byte that cannot be read.", "ReadString(RDI, 256, #paths)",
            [
                new("start", ParameterKind.RegisterOrAddress, "Where the text begins: a register that holds the address, or an address."),
                new("max", ParameterKind.ByteCount, "Bytes to read at most."), Output,
            ]) with { IsPublished = false },
        Data("ReadVMCS", "Reads why the vCPU left the guest.", "ReadVMCS(VM_EXIT_REASON, EXIT_QUALIFICATION, #exits)",
            [new("field", ParameterKind.VmcsField, "A field of the virtual machine control structure.", IsRepeated: true), Output],
            "Only what KVM tells user space can be read: VM_EXIT_REASON, VM_EXIT_INTR_INFO and EXIT_QUALIFICATION."),
        Data("ProcessList", "Lists the guest's processes, one record for each.", "ProcessList(PID, NAME, PATH, PGDP, #demo)",
            [new("field", ParameterKind.ProcessField, "What to tell of each: PID, NAME, PATH or PGDP.", IsRepeated: true), Output]),
        Data("WriteToMemoryAt", "Writes a value at a register's value plus an offset.", "WriteToMemoryAt(RSP, 8, 0, 4)", [Register, Offset, Value, ValueSize],
            "It changes the guest, and has no output."),
        Filter("RegisterHasValue", "True where a register has a value.", "RegisterHasValue(RAX, 59){\n    ReadRegister(RDI)\n}", [Register, Value]),
        Filter("ValueAtAddressIs", "True where the value at an address is the one given.", "ValueAtAddressIs(panic_timeout, 0, 4){\n    Pause\n}",
            [Address("compared"), Value, ValueSize]),
        Filter("ProcessIs", "True where that process runs.", "ProcessIs(NAME, \"sshd\"){\n    ReadRegister(RIP)\n}",
            [
                new("key", ParameterKind.ProcessKey, "By what the process is known: PID or NAME."),
                new("process", ParameterKind.ProcessIdentity, "Its process id, or its name in quotes, at most 15 bytes."),
            ]) with { IsPublished = false },
        new()
        {
            Name = "Pause", Kind = ConstructKind.Instruction, Places = ConstructPlaces.Body, Summary = "Pauses the virtual machine.", Example = "Pause",
        },
        new()
        {
            Name = "Reconfigure", Kind = ConstructKind.Instruction, Places = ConstructPlaces.TopLevel | ConstructPlaces.Body, Body = BodyUse.Optional,
            Parameters = [new("probe", ParameterKind.Probe, "The event probe's id or label.")],
            Summary = "Gives an event probe that already runs another body.",
            Remarks = "An empty body silences the probe; without a body it gets back what its script gave it. At the top level it stands in a script of its own, without probes.",
            Example = "Reconfigure(0){\n    ReadRegister(CR3, #demo)\n}",
        },
        Stream("CaptureNetwork", "Records every frame to and from a virtual NIC.", "CaptureNetwork(00:16:35:AF:94:4B, #demo)",
            [new("mac", ParameterKind.MacAddress, "The NIC's MAC address."), Output], "A file output is a pcap file."),
        Stream("CaptureKeyboardInput", "Records every key that is pressed or released on the virtual keyboard.", "CaptureKeyboardInput(#keys)", [Output]),
    ];

    private static readonly Dictionary<string, Construct> ByName = All.ToDictionary(construct => construct.Name, StringComparer.OrdinalIgnoreCase);

    /// <summary>The construct of a name in any case, or null.</summary>
    public static Construct? Find(string name) => ByName.GetValueOrDefault(name);

    private static Construct Event(string name, string summary, string example, ImmutableArray<ConstructParameter> parameters, string remarks = "") => new()
    {
        Name = name, Kind = ConstructKind.EventProbe, Places = ConstructPlaces.TopLevel, Body = BodyUse.Required, Parameters = parameters,
        Summary = summary, Remarks = remarks, Example = example,
    };

    private static Construct Data(string name, string summary, string example, ImmutableArray<ConstructParameter> parameters, string remarks = "") => new()
    {
        Name = name, Kind = ConstructKind.DataProbe, Places = ConstructPlaces.Body, Parameters = parameters,
        Summary = summary, Remarks = remarks, Example = example,
    };

    private static Construct Filter(string name, string summary, string example, ImmutableArray<ConstructParameter> parameters) => new()
    {
        Name = name, Kind = ConstructKind.Filter, Places = ConstructPlaces.Body, Body = BodyUse.Required, Parameters = parameters,
        Summary = summary, Remarks = "Filters can stand in filters.", Example = example,
    };

    private static Construct Stream(string name, string summary, string example, ImmutableArray<ConstructParameter> parameters, string remarks = "") => new()
    {
        Name = name, Kind = ConstructKind.StreamProbe, Places = ConstructPlaces.TopLevel, Parameters = parameters,
        Summary = summary, Remarks = remarks, Example = example,
    };

    private static ConstructParameter Address(string what) =>
        new("address", ParameterKind.Address, $"The guest-virtual address that is {what}: a number or (an addition of VmiPl) a kernel symbol, with or without an offset: `do_exit+0x10`.");
}
