namespace VmiPl.Compilation.Bytecode;

/// <summary>What a program can ask of the place where it runs, by the static id of its <c>call</c> (RFC 9669 §4.3.1). Arguments are in
/// r1 to r5, the result in r0; r1 to r5 are lost: they become 0, as they do when a program-local call returns. The numbers are part of
/// the shim's ABI: never given to something else.
/// <para>A buffer (address and size in program memory) that does not lie wholly within the program's memory ends the run with a
/// memory fault. One that is handed to the host (all but that of <see cref="ReadExitField"/>) takes one further instruction of the run's
/// budget for each <see cref="ProbeProgram.BytesPerInstruction"/> bytes of its size, rounded down, however many of them can be moved;
/// where so many are not left, the run ends with its budget spent before anything is moved. Faults come before that.</para>
/// <para>A <em>root</em> is a CR3 value through which a guest-virtual address is translated, in the vCPU's paging mode; 0
/// stands for the vCPU's own CR3.</para></summary>
public enum Helper
{
    /// <summary>(register) → its value, zero-extended. The register must be in <see cref="ProbeProgram.Registers"/>, else the run
    /// ends with a helper fault.</summary>
    ReadRegister = 1,
    /// <summary>(buffer, size, guest-virtual address, root) → bytes read before the first unreadable one.</summary>
    ReadVirtual = 2,
    /// <summary>(buffer, size, guest-physical address) → bytes read before the first unreadable one.</summary>
    ReadPhysical = 3,
    /// <summary>(buffer, size, guest-virtual address, root) → bytes written before the first unwritable one. The page tables' write
    /// permission is not looked at.</summary>
    WriteVirtual = 4,
    /// <summary>(guest-virtual address, root) → guest-physical address, or −1 where it is not mapped.</summary>
    Translate = 5,
    /// <summary>(buffer, size, guest-virtual address, root) → bytes before the NUL; or, where the buffer is full or a byte cannot be
    /// read before a NUL comes, the complement of the bytes read (−1 for none, −2 for one …). What the string does not fill of the
    /// buffer becomes zero.</summary>
    ReadString = 6,
    /// <summary>(schema, buffer, size) → 0. Hands out a record, the bytes of which are described by that schema of the script.
    /// A schema that the program was not loaded with ends the run with a helper fault; whether the record finds room is between
    /// the stream and its consumer, and never the program's business.</summary>
    Emit = 7,
    /// <summary>() → 0. The virtual machine is paused once the event has been dealt with.</summary>
    Pause = 8,
    /// <summary>(probe id, body) → 0. From the next event on that event probe runs its body of that number. A number that has more
    /// than 31 bits ends the run with a helper fault.</summary>
    SelectBody = 9,
    /// <summary>(field, buffer of 8 bytes) → 0, or −1 where this exit does not carry the field; see <see cref="ExitField"/>.</summary>
    ReadExitField = 10,
    /// <summary>() → index of the vCPU that the event happened on, from 0.</summary>
    CurrentVcpu = 11,
}
