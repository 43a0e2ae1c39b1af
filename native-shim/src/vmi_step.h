/* An instruction as the interpreter runs it: decoded once, one step for each word, so that indices stay the same. */
#ifndef VMI_STEP_H
#define VMI_STEP_H

#include "vmi_instruction.h"

/* The instructions of RFC 9669 without their encodings, numbered without gaps. */
enum vmi_operation {
    OP_NONE,                    /* the second word of lddw: never reached */

    /* 64-bit arithmetic. */
    OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_SDIV, OP_OR, OP_AND, OP_LSH, OP_RSH, OP_NEG, OP_MOD, OP_SMOD, OP_XOR, OP_MOV, OP_ARSH,
    OP_MOVSX8, OP_MOVSX16, OP_MOVSX32,

    /* The same on the low halves, in the same order; the upper half of the result is zero. */
    OP_ADD32, OP_SUB32, OP_MUL32, OP_DIV32, OP_SDIV32, OP_OR32, OP_AND32, OP_LSH32, OP_RSH32, OP_NEG32, OP_MOD32, OP_SMOD32, OP_XOR32,
    OP_MOV32, OP_ARSH32, OP_MOVSX8_32, OP_MOVSX16_32,

    /* Byte order: cut to so many bits (64 changes nothing), or swapped within so many bits. */
    OP_CUT16, OP_CUT32, OP_CUT64, OP_SWAP16, OP_SWAP32, OP_SWAP64,

    /* Jumps, and the conditional ones on the low halves in the same order. */
    OP_JA, OP_JEQ, OP_JNE, OP_JGT, OP_JGE, OP_JLT, OP_JLE, OP_JSET, OP_JSGT, OP_JSGE, OP_JSLT, OP_JSLE,
    OP_JEQ32, OP_JNE32, OP_JGT32, OP_JGE32, OP_JLT32, OP_JLE32, OP_JSET32, OP_JSGT32, OP_JSGE32, OP_JSLT32, OP_JSLE32,
    OP_CALL_LOCAL, OP_CALL_HELPER, OP_EXIT,

    /* Memory. */
    OP_LDDW, OP_LOAD8, OP_LOAD16, OP_LOAD32, OP_LOAD64, OP_LOADSX8, OP_LOADSX16, OP_LOADSX32, OP_STORE8, OP_STORE16, OP_STORE32, OP_STORE64,
};

enum {
    VMI_STEP_WIDE_TO_32 = OP_ADD32 - OP_ADD,    /* from an operation to its twin on the low halves */
    VMI_STEP_JUMP_TO_32 = OP_JEQ32 - OP_JEQ,
    VMI_ZERO = VMI_REGISTERS,                   /* a register behind r10 that is always 0 */
};

/* The operand is the source register plus the immediate: an instruction uses one of them only, so that an immediate operand names VMI_ZERO
 * and a register operand adds 0. A load's operand is its address. */
struct vmi_decoded {
    int64_t immediate;
    int32_t offset;             /* index that a jump or call goes to, or what a store adds to its register */
    uint8_t operation;
    uint8_t destination;
    uint8_t source;
};

/* Turns `count` verified words into as many steps. */
void vmi_decode(const struct vmi_instruction *code, uint32_t count, struct vmi_decoded *steps);

#endif
