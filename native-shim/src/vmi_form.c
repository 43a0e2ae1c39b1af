#include "vmi_verifier.h"

#include <stdio.h>

enum fields { NONE = 0, DESTINATION = 1, SOURCE = 2, OFFSET = 4, IMMEDIATE = 8 };

static bool refuse(char *problem, const char *text)
{
    snprintf(problem, VMI_WORD_PROBLEM_BYTES, "%s", text);
    return false;
}

static bool unknown(const struct vmi_instruction *word, char *problem)
{
    snprintf(problem, VMI_WORD_PROBLEM_BYTES, "unknown opcode 0x%02x", word->opcode);
    return false;
}

/* No field outside of `used` that is not zero, and no register that there is not. */
static bool uses(const struct vmi_instruction *word, int used, char *problem)
{
    if (word->destination != 0 && !(used & DESTINATION))
        return refuse(problem, "the unused destination register is not zero");
    if (word->source != 0 && !(used & SOURCE))
        return refuse(problem, "the unused source register is not zero");
    if (word->offset != 0 && !(used & OFFSET))
        return refuse(problem, "the unused offset is not zero");
    if (word->immediate != 0 && !(used & IMMEDIATE))
        return refuse(problem, "the unused immediate is not zero");
    int highest = word->destination > word->source ? word->destination : word->source;
    if (highest < VMI_REGISTERS)
        return true;
    snprintf(problem, VMI_WORD_PROBLEM_BYTES, "there is no register r%d", highest);
    return false;
}

static bool load_immediate(const struct vmi_instruction *word, char *problem)
{
    int mode = word->opcode & VMI_MODE_MASK;
    if ((mode == VMI_ABS || mode == VMI_IND) && (word->opcode & VMI_SIZE_MASK) != VMI_DW)
        return refuse(problem, "packet access is not supported");
    if (word->opcode != VMI_LDDW)
        return unknown(word, problem);
    switch (word->source) {
    case 0:
        return uses(word, DESTINATION | IMMEDIATE, problem);
    case 1: case 2: case 5: case 6:
        return refuse(problem, "lddw of a map is not supported");
    case 3:
        return refuse(problem, "lddw of a platform variable (BTF) is not supported");
    case 4:
        return refuse(problem, "lddw of a code address is not supported");
    default:
        snprintf(problem, VMI_WORD_PROBLEM_BYTES, "lddw has no kind %d", word->source);
        return false;
    }
}

static bool load(const struct vmi_instruction *word, char *problem)
{
    int mode = word->opcode & VMI_MODE_MASK;
    bool is_known = mode == VMI_MEM || (mode == VMI_MEMSX && (word->opcode & VMI_SIZE_MASK) != VMI_DW);
    return is_known ? uses(word, DESTINATION | SOURCE | OFFSET, problem) : unknown(word, problem);
}

static bool store(const struct vmi_instruction *word, char *problem)
{
    bool from_register = (word->opcode & VMI_CLASS_MASK) == VMI_STX;
    int mode = word->opcode & VMI_MODE_MASK;
    if (mode == VMI_MEM)
        return uses(word, DESTINATION | OFFSET | (from_register ? SOURCE : IMMEDIATE), problem);
    if (mode == VMI_ATOMIC && from_register)
        return refuse(problem, "atomic operations are not supported");
    return unknown(word, problem);
}

/* Whether the offset says which kind of its operation this is: signed division, or a move that extends so many bits. */
static bool has_kind(const struct vmi_instruction *word, bool is_wide, bool from_register)
{
    int code = word->opcode & VMI_CODE_MASK;
    if (code == VMI_DIV || code == VMI_MOD)
        return word->offset == 1;
    return code == VMI_MOV && from_register && (word->offset == 8 || word->offset == 16 || (is_wide && word->offset == 32));
}

static bool arithmetic(const struct vmi_instruction *word, char *problem)
{
    bool is_wide = (word->opcode & VMI_CLASS_MASK) == VMI_ALU64, from_register = word->opcode & VMI_X;
    int code = word->opcode & VMI_CODE_MASK;
    if (code > VMI_END || (code == VMI_NEG && from_register) || (code == VMI_END && is_wide && from_register))
        return unknown(word, problem);
    if (code == VMI_NEG)
        return uses(word, DESTINATION, problem);
    if (code == VMI_END) {
        if (word->immediate == 16 || word->immediate == 32 || word->immediate == 64)
            return uses(word, DESTINATION | IMMEDIATE, problem);
        snprintf(problem, VMI_WORD_PROBLEM_BYTES, "a byte swap has 16, 32 or 64 bits, not %d", word->immediate);
        return false;
    }
    int offset = has_kind(word, is_wide, from_register) ? OFFSET : NONE;
    return uses(word, DESTINATION | offset | (from_register ? SOURCE : IMMEDIATE), problem);
}

static bool call(const struct vmi_instruction *word, char *problem)
{
    if (word->source <= 1)
        return uses(word, SOURCE | IMMEDIATE, problem);
    if (word->source == 2)
        return refuse(problem, "a call of a helper by BTF id is not supported");
    snprintf(problem, VMI_WORD_PROBLEM_BYTES, "call has no kind %d", word->source);
    return false;
}

static bool jump(const struct vmi_instruction *word, char *problem)
{
    bool is_wide = (word->opcode & VMI_CLASS_MASK) == VMI_JMP, from_register = word->opcode & VMI_X;
    switch (word->opcode & VMI_CODE_MASK) {
    case VMI_JA:
        return from_register ? unknown(word, problem) : uses(word, is_wide ? OFFSET : IMMEDIATE, problem);
    case VMI_CALL:
        return from_register || !is_wide ? unknown(word, problem) : call(word, problem);
    case VMI_EXIT:
        return from_register || !is_wide ? unknown(word, problem) : uses(word, NONE, problem);
    case 0xE0: case 0xF0:
        return unknown(word, problem);
    default:
        return uses(word, DESTINATION | OFFSET | (from_register ? SOURCE : IMMEDIATE), problem);
    }
}

bool vmi_verify_form(const struct vmi_instruction *word, char problem[VMI_WORD_PROBLEM_BYTES])
{
    switch (word->opcode & VMI_CLASS_MASK) {
    case VMI_LD: return load_immediate(word, problem);
    case VMI_LDX: return load(word, problem);
    case VMI_ST: case VMI_STX: return store(word, problem);
    case VMI_JMP: case VMI_JMP32: return jump(word, problem);
    default: return arithmetic(word, problem);
    }
}
