#include "vmi_step.h"

static const uint8_t arithmetic_operations[16] = {
    [VMI_ADD >> 4] = OP_ADD, [VMI_SUB >> 4] = OP_SUB, [VMI_MUL >> 4] = OP_MUL, [VMI_DIV >> 4] = OP_DIV, [VMI_OR >> 4] = OP_OR,
    [VMI_AND >> 4] = OP_AND, [VMI_LSH >> 4] = OP_LSH, [VMI_RSH >> 4] = OP_RSH, [VMI_NEG >> 4] = OP_NEG, [VMI_MOD >> 4] = OP_MOD,
    [VMI_XOR >> 4] = OP_XOR, [VMI_MOV >> 4] = OP_MOV, [VMI_ARSH >> 4] = OP_ARSH,
};

static const uint8_t comparisons[16] = {
    [VMI_JEQ >> 4] = OP_JEQ, [VMI_JGT >> 4] = OP_JGT, [VMI_JGE >> 4] = OP_JGE, [VMI_JSET >> 4] = OP_JSET, [VMI_JNE >> 4] = OP_JNE,
    [VMI_JSGT >> 4] = OP_JSGT, [VMI_JSGE >> 4] = OP_JSGE, [VMI_JLT >> 4] = OP_JLT, [VMI_JLE >> 4] = OP_JLE, [VMI_JSLT >> 4] = OP_JSLT,
    [VMI_JSLE >> 4] = OP_JSLE,
};

/* The probe machine is little-endian: le only cuts, be and bswap are the same. */
static uint8_t byte_order(const struct vmi_instruction *word)
{
    bool cuts = word->opcode == (VMI_ALU | VMI_END);
    switch (word->immediate) {
    case 16: return cuts ? OP_CUT16 : OP_SWAP16;
    case 32: return cuts ? OP_CUT32 : OP_SWAP32;
    default: return cuts ? OP_CUT64 : OP_SWAP64;
    }
}

static uint8_t arithmetic(const struct vmi_instruction *word)
{
    int code = word->opcode & VMI_CODE_MASK;
    if (code == VMI_END)
        return byte_order(word);
    uint8_t operation = arithmetic_operations[code >> 4];
    if (word->offset == 1)
        operation = code == VMI_DIV ? OP_SDIV : OP_SMOD;
    else if (word->offset != 0)
        operation = word->offset == 8 ? OP_MOVSX8 : word->offset == 16 ? OP_MOVSX16 : OP_MOVSX32;
    return (word->opcode & VMI_CLASS_MASK) == VMI_ALU64 ? operation : operation + VMI_STEP_WIDE_TO_32;
}

static uint8_t load(uint8_t opcode)
{
    switch (opcode & (VMI_MODE_MASK | VMI_SIZE_MASK)) {
    case VMI_MEM | VMI_B: return OP_LOAD8;
    case VMI_MEM | VMI_H: return OP_LOAD16;
    case VMI_MEM | VMI_W: return OP_LOAD32;
    case VMI_MEM | VMI_DW: return OP_LOAD64;
    case VMI_MEMSX | VMI_B: return OP_LOADSX8;
    case VMI_MEMSX | VMI_H: return OP_LOADSX16;
    default: return OP_LOADSX32;
    }
}

static uint8_t store(uint8_t opcode)
{
    switch (opcode & VMI_SIZE_MASK) {
    case VMI_B: return OP_STORE8;
    case VMI_H: return OP_STORE16;
    case VMI_W: return OP_STORE32;
    default: return OP_STORE64;
    }
}

/* The register that the operand of arithmetic and jumps begins with. */
static uint8_t operand(const struct vmi_instruction *word)
{
    return word->opcode & VMI_X ? word->source : VMI_ZERO;
}

static struct vmi_decoded jump(const struct vmi_instruction *word, uint32_t index)
{
    struct vmi_decoded step = { .source = VMI_ZERO };
    int code = word->opcode & VMI_CODE_MASK;
    int64_t target;
    if (vmi_instruction_target(word, index, &target))
        step.offset = (int32_t)target;
    if (code == VMI_EXIT) {
        step.operation = OP_EXIT;
    } else if (code == VMI_JA) {
        step.operation = OP_JA;
    } else if (code == VMI_CALL) {
        step.operation = word->source == 1 ? OP_CALL_LOCAL : OP_CALL_HELPER;
        step.immediate = word->immediate;
    } else {
        bool is_wide = (word->opcode & VMI_CLASS_MASK) == VMI_JMP;
        step.operation = comparisons[code >> 4] + (is_wide ? 0 : VMI_STEP_JUMP_TO_32);
        step.destination = word->destination;
        step.source = operand(word);
        step.immediate = word->immediate;
    }
    return step;
}

static struct vmi_decoded decode(const struct vmi_instruction *word, uint32_t index)
{
    struct vmi_decoded step = { .destination = word->destination };
    switch (word->opcode & VMI_CLASS_MASK) {
    case VMI_LDX:
        step.operation = load(word->opcode);
        step.source = word->source;
        step.immediate = word->offset;
        return step;
    case VMI_ST:
    case VMI_STX:
        step.operation = store(word->opcode);
        step.source = (word->opcode & VMI_CLASS_MASK) == VMI_STX ? word->source : VMI_ZERO;
        step.offset = word->offset;
        step.immediate = word->immediate;
        return step;
    case VMI_JMP:
    case VMI_JMP32:
        return jump(word, index);
    default:
        step.operation = arithmetic(word);
        step.source = operand(word);
        step.immediate = word->immediate;
        return step;
    }
}

void vmi_decode(const struct vmi_instruction *code, uint32_t count, struct vmi_decoded *steps)
{
    for (uint32_t i = 0; i < count; i++) {
        if (code[i].opcode != VMI_LDDW) {
            steps[i] = decode(&code[i], i);
            continue;
        }
        uint64_t value = (uint64_t)(uint32_t)code[i + 1].immediate << 32 | (uint32_t)code[i].immediate;
        steps[i] = (struct vmi_decoded){ .operation = OP_LDDW, .destination = code[i].destination, .source = VMI_ZERO, .immediate = (int64_t)value };
        steps[++i] = (struct vmi_decoded){ .operation = OP_NONE };
    }
}
