#include <string.h>

#include "vmi_helpers.h"
#include "vmi_loaded.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the probe machine's memory is little-endian");
_Static_assert(VMI_STACK_BYTES == VMI_FRAME_BYTES * VMI_MAX_FRAMES, "the frames are the stack");

enum {
    REGISTER_SLOTS = VMI_ZERO + 1,
    SAVED_FIRST = 6,            /* r6 to r9 of each caller */
    SAVED_COUNT = 4,
};

/* What the callers of the running function are to find again. */
struct calls {
    uint32_t depth;
    uint32_t returns[VMI_MAX_FRAMES];
    uint64_t saved[VMI_MAX_FRAMES][SAVED_COUNT];
};

/* The smallest number divided by -1 wraps to itself, where the processor would trap. */

static uint64_t divide64(int64_t a, int64_t b)
{
    return b == 0 ? 0 : b == -1 ? 0 - (uint64_t)a : (uint64_t)(a / b);
}

static uint32_t divide32(int32_t a, int32_t b)
{
    return b == 0 ? 0 : b == -1 ? 0 - (uint32_t)a : (uint32_t)(a / b);
}

static uint64_t modulo64(int64_t a, int64_t b)
{
    return b == 0 ? (uint64_t)a : b == -1 ? 0 : (uint64_t)(a % b);
}

static uint32_t modulo32(int32_t a, int32_t b)
{
    return b == 0 ? (uint32_t)a : b == -1 ? 0 : (uint32_t)(a % b);
}

/* Enters a function, unless there is no frame for it. */
static bool enter(struct calls *calls, uint64_t *r, uint8_t *memory, uint32_t back)
{
    if (calls->depth == VMI_MAX_FRAMES - 1)
        return false;
    memcpy(calls->saved[calls->depth], r + SAVED_FIRST, sizeof calls->saved[0]);
    calls->returns[calls->depth++] = back;
    r[VMI_FRAME_POINTER] += VMI_FRAME_BYTES;
    memset(memory + calls->depth * VMI_FRAME_BYTES, 0, VMI_FRAME_BYTES);
    return true;
}

/* Leaves a function that was called; gives the index to go on at. */
static uint32_t leave(struct calls *calls, uint64_t *r)
{
    calls->depth--;
    memcpy(r + SAVED_FIRST, calls->saved[calls->depth], sizeof calls->saved[0]);
    memset(r + 1, 0, 5 * sizeof *r);
    r[VMI_FRAME_POINTER] -= VMI_FRAME_BYTES;
    return calls->returns[calls->depth];
}

/* An address below the base wraps to a large number, and there are more than 8 bytes: one comparison sees every bad access. */
#define LOAD(stored, extended) do { \
        uint64_t where = src - VMI_MEMORY_BASE; \
        stored loaded; \
        if (where > bytes - sizeof loaded) \
            goto fault; \
        memcpy(&loaded, memory + where, sizeof loaded); \
        *dst = (uint64_t)(extended)loaded; \
    } while (0)

#define STORE(stored) do { \
        uint64_t where = *dst + (uint64_t)(int64_t)step->offset - VMI_MEMORY_BASE; \
        stored value = (stored)src; \
        if (where > bytes - sizeof value) \
            goto fault; \
        memcpy(memory + where, &value, sizeof value); \
    } while (0)

#define JUMP_IF(condition) if (condition) { at = (uint32_t)step->offset; continue; } break

#define S32(value) ((int32_t)(value))
#define S64(value) ((int64_t)(value))
#define U32(value) ((uint32_t)(value))

struct vmi_result vmi_program_run(const struct vmi_program *program, uint8_t *memory, const struct vmi_host_ops *ops, void *host)
{
    const struct vmi_decoded *steps = program->steps;
    const uint64_t bytes = vmi_program_memory_bytes(program);
    struct vmi_helper_scope scope = {
        .ops = ops, .host = host, .memory = memory, .bytes = bytes, .registers = program->registers, .schemas = program->schemas,
    };
    struct calls calls;
    calls.depth = 0;
    uint64_t r[REGISTER_SLOTS] = {
        [1] = VMI_MEMORY_BASE + VMI_STACK_BYTES,
        [2] = program->scratch_bytes,
        [VMI_FRAME_POINTER] = VMI_MEMORY_BASE + VMI_FRAME_BYTES,
    };
    uint32_t at = 0, left = program->budget;
    enum vmi_end end;
    memset(memory, 0, VMI_FRAME_BYTES);
    for (;;) {
        if (left == 0) {
            end = VMI_END_BUDGET;
            break;
        }
        left--;
        const struct vmi_decoded *step = &steps[at];
        uint64_t *dst = &r[step->destination];
        const uint64_t src = r[step->source] + (uint64_t)step->immediate;
        switch (step->operation) {
        /* Section 4.1, 64 bits. */
        case OP_ADD: *dst += src; break;
        case OP_SUB: *dst -= src; break;
        case OP_MUL: *dst *= src; break;
        case OP_DIV: *dst = src == 0 ? 0 : *dst / src; break;
        case OP_SDIV: *dst = divide64(S64(*dst), S64(src)); break;
        case OP_OR: *dst |= src; break;
        case OP_AND: *dst &= src; break;
        case OP_LSH: *dst <<= src & 63; break;
        case OP_RSH: *dst >>= src & 63; break;
        case OP_NEG: *dst = 0 - *dst; break;
        case OP_MOD: *dst = src == 0 ? *dst : *dst % src; break;
        case OP_SMOD: *dst = modulo64(S64(*dst), S64(src)); break;
        case OP_XOR: *dst ^= src; break;
        case OP_MOV: *dst = src; break;
        case OP_ARSH: *dst = (uint64_t)(S64(*dst) >> (src & 63)); break;
        case OP_MOVSX8: *dst = (uint64_t)(int8_t)src; break;
        case OP_MOVSX16: *dst = (uint64_t)(int16_t)src; break;
        case OP_MOVSX32: *dst = (uint64_t)S32(src); break;

        /* Section 4.1, 32 bits: an unsigned 32-bit result zeroes the upper half. */
        case OP_ADD32: *dst = U32(*dst) + U32(src); break;
        case OP_SUB32: *dst = U32(*dst) - U32(src); break;
        case OP_MUL32: *dst = U32(*dst) * U32(src); break;
        case OP_DIV32: *dst = U32(src) == 0 ? 0 : U32(*dst) / U32(src); break;
        case OP_SDIV32: *dst = divide32(S32(*dst), S32(src)); break;
        case OP_OR32: *dst = U32(*dst) | U32(src); break;
        case OP_AND32: *dst = U32(*dst) & U32(src); break;
        case OP_LSH32: *dst = U32(*dst) << (src & 31); break;
        case OP_RSH32: *dst = U32(*dst) >> (src & 31); break;
        case OP_NEG32: *dst = 0 - U32(*dst); break;
        case OP_MOD32: *dst = U32(src) == 0 ? U32(*dst) : U32(*dst) % U32(src); break;
        case OP_SMOD32: *dst = modulo32(S32(*dst), S32(src)); break;
        case OP_XOR32: *dst = U32(*dst) ^ U32(src); break;
        case OP_MOV32: *dst = U32(src); break;
        case OP_ARSH32: *dst = U32(S32(*dst) >> (src & 31)); break;
        case OP_MOVSX8_32: *dst = U32((int8_t)src); break;
        case OP_MOVSX16_32: *dst = U32((int16_t)src); break;

        /* Section 4.2. */
        case OP_CUT16: *dst = (uint16_t)*dst; break;
        case OP_CUT32: *dst = U32(*dst); break;
        case OP_CUT64: break;
        case OP_SWAP16: *dst = __builtin_bswap16((uint16_t)*dst); break;
        case OP_SWAP32: *dst = __builtin_bswap32(U32(*dst)); break;
        case OP_SWAP64: *dst = __builtin_bswap64(*dst); break;

        /* Section 4.3. */
        case OP_JA: JUMP_IF(true);
        case OP_JEQ: JUMP_IF(*dst == src);
        case OP_JNE: JUMP_IF(*dst != src);
        case OP_JGT: JUMP_IF(*dst > src);
        case OP_JGE: JUMP_IF(*dst >= src);
        case OP_JLT: JUMP_IF(*dst < src);
        case OP_JLE: JUMP_IF(*dst <= src);
        case OP_JSET: JUMP_IF((*dst & src) != 0);
        case OP_JSGT: JUMP_IF(S64(*dst) > S64(src));
        case OP_JSGE: JUMP_IF(S64(*dst) >= S64(src));
        case OP_JSLT: JUMP_IF(S64(*dst) < S64(src));
        case OP_JSLE: JUMP_IF(S64(*dst) <= S64(src));
        case OP_JEQ32: JUMP_IF(U32(*dst) == U32(src));
        case OP_JNE32: JUMP_IF(U32(*dst) != U32(src));
        case OP_JGT32: JUMP_IF(U32(*dst) > U32(src));
        case OP_JGE32: JUMP_IF(U32(*dst) >= U32(src));
        case OP_JLT32: JUMP_IF(U32(*dst) < U32(src));
        case OP_JLE32: JUMP_IF(U32(*dst) <= U32(src));
        case OP_JSET32: JUMP_IF((U32(*dst) & U32(src)) != 0);
        case OP_JSGT32: JUMP_IF(S32(*dst) > S32(src));
        case OP_JSGE32: JUMP_IF(S32(*dst) >= S32(src));
        case OP_JSLT32: JUMP_IF(S32(*dst) < S32(src));
        case OP_JSLE32: JUMP_IF(S32(*dst) <= S32(src));

        case OP_CALL_LOCAL:
            if (!enter(&calls, r, memory, at + 1)) {
                end = VMI_END_CALL_DEPTH;
                goto ended;
            }
            at = (uint32_t)step->offset;
            continue;
        case OP_CALL_HELPER:
            scope.left = left;
            end = vmi_helper_call(&scope, (int32_t)step->immediate, r);
            left = scope.left;
            if (end != VMI_END_FINISHED)
                goto ended;
            break;
        case OP_EXIT:
            if (calls.depth == 0) {
                end = VMI_END_FINISHED;
                goto ended;
            }
            at = leave(&calls, r);
            continue;

        /* Section 5. */
        case OP_LDDW: *dst = src; at++; break;
        case OP_LOAD8: LOAD(uint8_t, uint64_t); break;
        case OP_LOAD16: LOAD(uint16_t, uint64_t); break;
        case OP_LOAD32: LOAD(uint32_t, uint64_t); break;
        case OP_LOAD64: LOAD(uint64_t, uint64_t); break;
        case OP_LOADSX8: LOAD(int8_t, int64_t); break;
        case OP_LOADSX16: LOAD(int16_t, int64_t); break;
        case OP_LOADSX32: LOAD(int32_t, int64_t); break;
        case OP_STORE8: STORE(uint8_t); break;
        case OP_STORE16: STORE(uint16_t); break;
        case OP_STORE32: STORE(uint32_t); break;
        case OP_STORE64: STORE(uint64_t); break;

        default:
        fault:
            end = VMI_END_MEMORY_FAULT;
            goto ended;
        }
        at++;
    }
ended:
    return (struct vmi_result){ .end = end, .instruction = at, .taken = program->budget - left, .value = r[0] };
}
