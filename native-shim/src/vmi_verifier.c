#include "vmi_verifier.h"

#include <stdio.h>
#include <string.h>

#include "vmi_helpers.h"

static bool at(uint32_t index, const char *what, char *problem)
{
    snprintf(problem, VMI_PROBLEM_BYTES, "instruction %u: %s", index, what);
    return false;
}

bool vmi_verify_limits(const struct vmi_program_image *image, char problem[VMI_PROBLEM_BYTES])
{
    /* Numbers beyond 31 bits are negative ones to whoever made the program. */
    int32_t scratch = (int32_t)image->scratch_bytes, budget = (int32_t)image->budget, schemas = (int32_t)image->schemas;
    if (image->words == 0)
        snprintf(problem, VMI_PROBLEM_BYTES, "program: the code is empty");
    else if (image->words > VMI_MAX_INSTRUCTIONS)
        snprintf(problem, VMI_PROBLEM_BYTES, "program: the code has %u instruction words; %d are allowed", image->words, VMI_MAX_INSTRUCTIONS);
    else if (scratch < 0 || scratch > VMI_MAX_SCRATCH_BYTES)
        snprintf(problem, VMI_PROBLEM_BYTES, "program: a scratch buffer of %d bytes; 0 to %d are allowed", scratch, VMI_MAX_SCRATCH_BYTES);
    else if (budget <= 0)
        snprintf(problem, VMI_PROBLEM_BYTES, "program: an instruction budget of %d; it must be positive", budget);
    else if (schemas < 0)
        snprintf(problem, VMI_PROBLEM_BYTES, "program: %d schemas; there cannot be fewer than none", schemas);
    else
        return true;
    return false;
}

/* Writes to r10, and accesses through it that leave the frame: the one address that is known without a run. */
static bool verify_registers(const struct vmi_instruction *word, char *what)
{
    int kind = word->opcode & VMI_CLASS_MASK;
    bool writes = kind == VMI_ALU || kind == VMI_ALU64 || kind == VMI_LD || kind == VMI_LDX;
    if (writes && word->destination == VMI_FRAME_POINTER) {
        snprintf(what, VMI_WORD_PROBLEM_BYTES, "r10 cannot be written");
        return false;
    }
    bool through_frame = kind == VMI_LDX ? word->source == VMI_FRAME_POINTER
                                         : (kind == VMI_ST || kind == VMI_STX) && word->destination == VMI_FRAME_POINTER;
    int size = vmi_instruction_size(word->opcode);
    if (!through_frame || (word->offset >= -VMI_FRAME_BYTES && word->offset + size <= 0))
        return true;
    int distance = word->offset < 0 ? -word->offset : word->offset;
    snprintf(what, VMI_WORD_PROBLEM_BYTES, "r10 %c %d with %d bytes lies outside of the frame", word->offset < 0 ? '-' : '+', distance, size);
    return false;
}

static bool is_second_word(const struct vmi_instruction *word)
{
    return word->opcode == 0 && word->destination == 0 && word->source == 0 && word->offset == 0;
}

static bool verify_words(const struct vmi_instruction *code, uint32_t count, uint8_t *second, char *problem)
{
    char what[VMI_WORD_PROBLEM_BYTES];
    memset(second, 0, count);
    for (uint32_t i = 0; i < count; i++) {
        if (!vmi_verify_form(&code[i], what) || !verify_registers(&code[i], what))
            return at(i, what, problem);
        if (code[i].opcode != VMI_LDDW)
            continue;
        if (i + 1 == count)
            return at(i, "lddw is cut off by the end of the code", problem);
        if (!is_second_word(&code[i + 1]))
            return at(i, "the second word of lddw holds more than an immediate", problem);
        second[++i] = true;
    }
    return true;
}

/* Where the instruction can go on, and what it calls. */
static bool verify_flow(const struct vmi_instruction *code, uint32_t count, const uint8_t *second, uint32_t index, char *what)
{
    const struct vmi_instruction *word = &code[index];
    int64_t target;
    if (vmi_instruction_target(word, index, &target)) {
        if (target < 0 || target >= count) {
            snprintf(what, VMI_WORD_PROBLEM_BYTES, "its target %lld lies outside of the code", (long long)target);
            return false;
        }
        if (second[target]) {
            snprintf(what, VMI_WORD_PROBLEM_BYTES, "its target %lld is the second word of lddw", (long long)target);
            return false;
        }
    } else if (word->opcode == (VMI_JMP | VMI_CALL) && !vmi_helper_exists(word->immediate)) {
        snprintf(what, VMI_WORD_PROBLEM_BYTES, "there is no helper %d", word->immediate);
        return false;
    }
    uint32_t next = index + (word->opcode == VMI_LDDW ? 2 : 1);
    bool goes_on = word->opcode != (VMI_JMP | VMI_EXIT) && word->opcode != (VMI_JMP | VMI_JA) && word->opcode != (VMI_JMP32 | VMI_JA);
    if (!goes_on || next != count)
        return true;
    snprintf(what, VMI_WORD_PROBLEM_BYTES, "the code can be left at its end");
    return false;
}

bool vmi_verify_code(const struct vmi_instruction *code, uint32_t count, uint8_t *second, char problem[VMI_PROBLEM_BYTES])
{
    char what[VMI_WORD_PROBLEM_BYTES];
    if (!verify_words(code, count, second, problem))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!second[i] && !verify_flow(code, count, second, i, what))
            return at(i, what, problem);
    return true;
}
