/* Probe programs: what the shim runs in the vCPU thread where an event has happened. The machine, its helpers and its limits are those of
 * VmiPl.Engine/Compilation/Bytecode (ProbeProgram.cs, Helper.cs), and the verifier and the interpreter are twins of those in C#: the same
 * program gives the same end, the same effects and the same memory in both. All numbers here are part of the shim's ABI. */
#ifndef VMI_PROGRAM_H
#define VMI_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VMI_FRAME_BYTES = 512,              /* stack of one function */
    VMI_MAX_FRAMES = 8,                 /* functions that can be active at once, the program's start included */
    VMI_STACK_BYTES = 4096,             /* all frames: the scratch buffer's offset in program memory */
    VMI_MAX_INSTRUCTIONS = 65536,       /* words of the longest program */
    VMI_MAX_SCRATCH_BYTES = 1 << 20,
    VMI_BYTES_PER_INSTRUCTION = 64,     /* of a buffer that a helper hands to the host; see vmi_program_run */
};

/* Where program memory begins, for the program. */
#define VMI_MEMORY_BASE 0x0000565000000000ULL

/* How a run ended. */
enum vmi_end {
    VMI_END_FINISHED = 0,       /* the program's own exit */
    VMI_END_BUDGET = 1,         /* an instruction was left to run, and no budget for it or for the bytes that it would move */
    VMI_END_MEMORY_FAULT = 2,   /* a load, a store or a helper's buffer did not lie wholly within program memory */
    VMI_END_HELPER_FAULT = 3,   /* a helper was asked for what the program was not loaded for */
    VMI_END_CALL_DEPTH = 4,     /* more functions than there are frames */
};

/* What a program's helpers ask of the place where it runs; `host` is passed through. All are called on the thread that runs the program.
 * Buffers lie in program memory and hold for the call only. A root is a CR3 value, 0 stands for the vCPU's own. The functions that move
 * bytes give the number of those before the first that could not be moved; a number beyond `size` counts as `size`. */
struct vmi_host_ops {
    /* Zero-extended; asked only for ids in the program's `registers`. */
    uint64_t (*read_register)(void *host, unsigned id);
    size_t (*read_virtual)(void *host, uint64_t address, uint64_t root, void *buffer, size_t size);
    size_t (*read_physical)(void *host, uint64_t address, void *buffer, size_t size);
    /* The page tables' write permission is not looked at. */
    size_t (*write_virtual)(void *host, uint64_t address, uint64_t root, const void *bytes, size_t size);
    /* The guest-physical address, or UINT64_MAX where it is not mapped. */
    uint64_t (*translate)(void *host, uint64_t address, uint64_t root);
    /* False where this exit does not carry the field, or there is no such field (ExitField.cs). */
    bool (*read_exit_field)(void *host, uint32_t field, uint64_t *value);
    /* The schema is one that the program was loaded with. */
    void (*emit)(void *host, uint32_t schema, const void *record, size_t size);
    /* The virtual machine is to be paused once the event has been dealt with. */
    void (*pause)(void *host);
    /* Both below 2^31; numbers that mean nothing here are to be passed over. */
    void (*select_body)(void *host, uint32_t probe, uint32_t body);
    /* Index of the vCPU that the event happened on, from 0. */
    uint32_t (*vcpu)(void *host);
};

/* A program as it comes over the control socket: untrusted. Sizes are those of ProbeProgram.cs. */
struct vmi_program_image {
    const void *code;           /* words of 8 bytes (RFC 9669, section 3), little-endian, at any alignment */
    uint32_t words;
    uint32_t scratch_bytes;
    uint32_t budget;            /* instructions that one run may take; 1 to 2^31 - 1 */
    uint64_t registers;         /* bit n for each register n that may be read */
    uint32_t schemas;           /* emit may name 0 to this, exclusive; below 2^31 */
};

/* Opaque, immutable once loaded: may be run by several threads at once, each with a memory of its own. */
struct vmi_program;

/* Verifies and decodes. NULL with what is wrong in `problem` (the text of the C# Verifier, cut to `problem_size` bytes with its NUL),
 * which is left as it is where there is nothing wrong; `code` is not kept. The caller frees the program. Allocates: never called on the vCPU path. */
struct vmi_program *vmi_program_load(const struct vmi_program_image *image, char *problem, size_t problem_size);

/* NULL is nothing to free. No run may be under way. */
void vmi_program_free(struct vmi_program *program);

/* Frames and scratch buffer: what `memory` of a run has to hold. */
size_t vmi_program_memory_bytes(const struct vmi_program *program);

struct vmi_result {
    enum vmi_end end;
    uint32_t instruction;       /* index of the instruction at which it ended: its exit, the one at fault, or the one without budget */
    uint32_t taken;             /* instructions taken, one at fault and those taken for bytes included; at most the budget, and all of
                                 * it where that was spent */
    uint64_t value;             /* r0 at the end */
};

/* Runs once, from the first instruction. `memory` is vmi_program_memory_bytes() of the caller's, all zero before the first run: the
 * scratch buffer in it keeps what a run leaves there. No other run may use it meanwhile. Whatever the program does, it takes no more
 * instructions than its budget, in which each buffer that a helper hands to the host counts size / VMI_BYTES_PER_INSTRUCTION (rounded
 * down) beside the call itself. Allocates nothing, takes no lock, makes no system call; what `ops` do is theirs. */
struct vmi_result vmi_program_run(const struct vmi_program *program, uint8_t *memory, const struct vmi_host_ops *ops, void *host);

#endif
