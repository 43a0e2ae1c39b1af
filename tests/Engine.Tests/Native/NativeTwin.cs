using System.Runtime.InteropServices;
using System.Text;
using VmiPl.Compilation.Bytecode;
using VmiPl.Probes.Interpreter;

namespace VmiPl.Tests.Native;

/// <summary>The probe machine in C, as <c>vmi_program.h</c> declares it, from a shared library that was built for the test.</summary>
internal sealed unsafe class NativeTwin : IDisposable
{
    private readonly nint _library;
    private readonly delegate* unmanaged<Image*, byte*, nuint, void*> _load;
    private readonly delegate* unmanaged<void*, void> _free;
    private readonly delegate* unmanaged<void*, nuint> _memoryBytes;
    private readonly delegate* unmanaged<void*, byte*, HostOps*, nint, NativeResult> _run;

    public NativeTwin(string path)
    {
        _library = NativeLibrary.Load(path);
        _load = (delegate* unmanaged<Image*, byte*, nuint, void*>)Find("vmi_program_load");
        _free = (delegate* unmanaged<void*, void>)Find("vmi_program_free");
        _memoryBytes = (delegate* unmanaged<void*, nuint>)Find("vmi_program_memory_bytes");
        _run = (delegate* unmanaged<void*, byte*, HostOps*, nint, NativeResult>)Find("vmi_program_run");

        nint Find(string name) => NativeLibrary.GetExport(_library, name);
    }

    /// <summary>Loads a program, or says in <paramref name="problem"/> why not.</summary>
    public Loaded? Load(ProbeProgram program, out string? problem)
    {
        byte[] code = new byte[program.Code.Length * Instruction.Size];
        for (int i = 0; i < program.Code.Length; i++)
            program.Code[i].Write(code.AsSpan(i * Instruction.Size));
        byte[] text = new byte[256];
        fixed (byte* words = code, room = text)
        {
            var image = new Image
            {
                Code = words, Words = (uint)program.Code.Length, ScratchBytes = (uint)program.ScratchBytes,
                Budget = (uint)program.InstructionBudget, Registers = program.Registers, Schemas = (uint)program.SchemaCount,
            };
            void* loaded = _load(&image, room, (nuint)text.Length);
            problem = loaded == null ? Encoding.ASCII.GetString(text, 0, Array.IndexOf(text, (byte)0)) : null;
            return loaded == null ? null : new Loaded(this, loaded);
        }
    }

    public void Dispose() => NativeLibrary.Free(_library);

    /// <summary>A loaded program with memory of its own.</summary>
    public sealed class Loaded : IDisposable
    {
        private readonly NativeTwin _twin;
        private readonly void* _program;
        private readonly byte[] _memory;

        internal Loaded(NativeTwin twin, void* program)
        {
            _twin = twin;
            _program = program;
            _memory = GC.AllocateArray<byte>((int)twin._memoryBytes(program), pinned: true);
        }

        public ReadOnlySpan<byte> Memory => _memory;

        public ProgramResult Run(IProgramHost host)
        {
            GCHandle handle = GCHandle.Alloc(host);
            try
            {
                HostOps ops = HostOps.Make();
                fixed (byte* memory = _memory)
                {
                    NativeResult result = _twin._run(_program, memory, &ops, GCHandle.ToIntPtr(handle));
                    return new ProgramResult((ProgramEnd)result.End, (int)result.Instruction, (int)result.Taken, result.Value);
                }
            }
            finally
            {
                handle.Free();
            }
        }

        public void Dispose() => _twin._free(_program);
    }

    // struct vmi_program_image, struct vmi_result and struct vmi_host_ops.

    private struct Image
    {
        public byte* Code;
        public uint Words, ScratchBytes, Budget;
        public ulong Registers;
        public uint Schemas;
    }

    private struct NativeResult
    {
#pragma warning disable CS0649 // filled by native code
        public int End;
        public uint Instruction, Taken;
        public ulong Value;
#pragma warning restore CS0649
    }

    private struct HostOps
    {
        private delegate* unmanaged<nint, uint, ulong> _readRegister;
        private delegate* unmanaged<nint, ulong, ulong, byte*, nuint, nuint> _readVirtual;
        private delegate* unmanaged<nint, ulong, byte*, nuint, nuint> _readPhysical;
        private delegate* unmanaged<nint, ulong, ulong, byte*, nuint, nuint> _writeVirtual;
        private delegate* unmanaged<nint, ulong, ulong, ulong> _translate;
        private delegate* unmanaged<nint, uint, ulong*, byte> _readExitField;
        private delegate* unmanaged<nint, uint, byte*, nuint, void> _emit;
        private delegate* unmanaged<nint, void> _pause;
        private delegate* unmanaged<nint, uint, uint, void> _selectBody;
        private delegate* unmanaged<nint, uint> _vcpu;

        public static HostOps Make() => new()
        {
            _readRegister = &ReadRegister, _readVirtual = &ReadVirtual, _readPhysical = &ReadPhysical, _writeVirtual = &WriteVirtual,
            _translate = &Translate, _readExitField = &ReadExitField, _emit = &Emit, _pause = &Pause, _selectBody = &SelectBody, _vcpu = &Vcpu,
        };

        private static IProgramHost Host(nint host) => (IProgramHost)GCHandle.FromIntPtr(host).Target!;

        // A C host cannot say less than nothing.
        private static nuint Count(int done) => (nuint)Math.Max(done, 0);

        [UnmanagedCallersOnly]
        private static ulong ReadRegister(nint host, uint id) => Host(host).ReadRegister((int)id);

        [UnmanagedCallersOnly]
        private static nuint ReadVirtual(nint host, ulong address, ulong root, byte* buffer, nuint size) =>
            Count(Host(host).ReadVirtual(address, root, new Span<byte>(buffer, (int)size)));

        [UnmanagedCallersOnly]
        private static nuint ReadPhysical(nint host, ulong address, byte* buffer, nuint size) =>
            Count(Host(host).ReadPhysical(address, new Span<byte>(buffer, (int)size)));

        [UnmanagedCallersOnly]
        private static nuint WriteVirtual(nint host, ulong address, ulong root, byte* bytes, nuint size) =>
            Count(Host(host).WriteVirtual(address, root, new ReadOnlySpan<byte>(bytes, (int)size)));

        [UnmanagedCallersOnly]
        private static ulong Translate(nint host, ulong address, ulong root) => Host(host).Translate(address, root);

        [UnmanagedCallersOnly]
        private static byte ReadExitField(nint host, uint field, ulong* value) => Host(host).TryReadExitField((int)field, out *value) ? (byte)1 : (byte)0;

        [UnmanagedCallersOnly]
        private static void Emit(nint host, uint schema, byte* record, nuint size) => Host(host).Emit((int)schema, new ReadOnlySpan<byte>(record, (int)size));

        [UnmanagedCallersOnly]
        private static void Pause(nint host) => Host(host).Pause();

        [UnmanagedCallersOnly]
        private static void SelectBody(nint host, uint probe, uint body) => Host(host).SelectBody((int)probe, (int)body);

        [UnmanagedCallersOnly]
        private static uint Vcpu(nint host) => (uint)Host(host).Vcpu;
    }
}
