#include "fuzz_input.h"

#include <string.h>

#include "fuzz_program.h"
#include "vmi_instruction.h"
#include "vmi_program.h"

enum { WORD = VMI_INSTRUCTION_BYTES, MOST_WORDS = 40, MOST_MUTATIONS = 4 };

static const int32_t edges[] = { 0, 1, -1, 2, 7, 8, 31, 32, 63, 64, 255, 256, 512, 4096, 4160, INT32_MIN, INT32_MAX };
static const uint8_t sizes[] = { VMI_B, VMI_H, VMI_W, VMI_DW };

uint64_t vmi_random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15ULL;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
    return z ^ z >> 31;
}

static uint32_t below(uint64_t *state, uint32_t count)
{
    return (uint32_t)(vmi_random_next(state) % count);
}

static int32_t some_immediate(uint64_t *state)
{
    uint32_t edge = below(state, 2 * sizeof edges / sizeof *edges);
    return edge < sizeof edges / sizeof *edges ? edges[edge] : (int32_t)vmi_random_next(state);
}

static void add_word(struct vmi_bytes *input, int opcode, uint32_t destination, uint32_t source, int32_t offset, int32_t immediate)
{
    uint8_t word[WORD] = { (uint8_t)opcode, (uint8_t)(destination | source << 4), (uint8_t)offset, (uint8_t)(offset >> 8) };
    memcpy(word + 4, &immediate, sizeof immediate);
    vmi_bytes_add(input, word, sizeof word);
}

static void add_arithmetic(uint64_t *state, struct vmi_bytes *input)
{
    int kind = below(state, 2) ? VMI_ALU64 : VMI_ALU, code = (int)below(state, 14) << 4;
    uint32_t register_ = below(state, 10), from = below(state, 2) ? VMI_X : 0;
    if (code == VMI_NEG)
        add_word(input, kind | code, register_, 0, 0, 0);
    else if (code == VMI_END)
        add_word(input, kind | code | (kind == VMI_ALU ? (int)from : 0), register_, 0, 0, 16 << below(state, 3));
    else if (from)
        add_word(input, kind | code | VMI_X, register_, below(state, 11), code == VMI_MOV ? 8 * (int)below(state, 3) : 0, 0);
    else
        add_word(input, kind | code, register_, 0, code == VMI_DIV || code == VMI_MOD ? (int)below(state, 2) : 0, some_immediate(state));
}

/* Through r10 where it must fit, through r1 where it may, through anything where it will hardly. */
static void add_access(uint64_t *state, struct vmi_bytes *input)
{
    uint8_t size = sizes[below(state, 4)];
    uint32_t kind = below(state, 5), address = kind < 2 ? 10 : kind < 4 ? 1 : below(state, 10);
    int32_t offset = address == 10 ? -8 - (int32_t)below(state, VMI_FRAME_BYTES - 7) : (int32_t)below(state, 80) - 8;
    switch (below(state, 3)) {
    case 0:
        add_word(input, VMI_ST | VMI_MEM | size, address, 0, offset, some_immediate(state));
        break;
    case 1:
        add_word(input, VMI_STX | VMI_MEM | size, address, below(state, 11), offset, 0);
        break;
    default:
        add_word(input, VMI_LDX | (size != VMI_DW && below(state, 2) ? VMI_MEMSX : VMI_MEM) | size, below(state, 10), address, offset, 0);
    }
}

/* Its target is some word of the program, which is `words` long so far. */
static void add_branch(uint64_t *state, struct vmi_bytes *input, uint32_t words)
{
    int32_t distance = (int32_t)below(state, words + 3) - (int32_t)words;
    int kind = below(state, 2) ? VMI_JMP : VMI_JMP32, code = (int)(1 + below(state, 11)) << 4;
    if (code >= VMI_CALL)
        code += 0x20;           /* call and exit are no conditions */
    switch (below(state, 6)) {
    case 0:
        add_word(input, VMI_JMP | VMI_CALL, 0, 1, 0, distance);
        break;
    case 1:
        add_word(input, kind | VMI_JA, 0, 0, kind == VMI_JMP ? distance : 0, kind == VMI_JMP ? 0 : distance);
        break;
    case 2:
        add_word(input, kind | code | VMI_X, below(state, 11), below(state, 11), distance, 0);
        break;
    default:
        add_word(input, kind | code, below(state, 11), 0, distance, some_immediate(state));
    }
}

/* Mostly with arguments that make sense for some helper. */
static void add_helper(uint64_t *state, struct vmi_bytes *input)
{
    if (below(state, 5)) {
        uint32_t buffer = 1 + below(state, 2);
        add_word(input, VMI_ALU64 | VMI_MOV | VMI_X, buffer, 10, 0, 0);
        add_word(input, VMI_ALU64 | VMI_ADD, buffer, 0, 0, -(int32_t)below(state, 520));
        add_word(input, VMI_ALU64 | VMI_MOV, 3 - buffer, 0, 0, below(state, 4) ? (int32_t)below(state, 300) : some_immediate(state));
        add_word(input, VMI_ALU64 | VMI_MOV, 3, 0, 0, (int32_t)below(state, 300));
    }
    add_word(input, VMI_JMP | VMI_CALL, 0, 0, 0, (int32_t)(1 + below(state, 11)));
}

static void add_wide(uint64_t *state, struct vmi_bytes *input)
{
    uint64_t value = below(state, 2) ? VMI_MEMORY_BASE + below(state, 5000) - 16 : vmi_random_next(state);
    add_word(input, VMI_LDDW, below(state, 10), 0, 0, (int32_t)value);
    add_word(input, 0, 0, 0, 0, (int32_t)(value >> 32));
}

void vmi_fuzz_random(uint64_t *state, struct vmi_bytes *input)
{
    uint32_t budget = below(state, 10) ? 400 : 1 + below(state, 20), scratch = below(state, 4) ? below(state, 4096) : 0;
    uint8_t header[VMI_FUZZ_HEADER_BYTES] = {
        (uint8_t)budget, (uint8_t)(budget >> 8), (uint8_t)scratch, (uint8_t)(scratch >> 8), (uint8_t)below(state, 4), (uint8_t)vmi_random_next(state),
    };
    input->size = 0;
    vmi_bytes_add(input, header, sizeof header);
    for (uint32_t count = 1 + below(state, MOST_WORDS); count > 0; count--) {
        uint32_t kind = below(state, 100), words = (uint32_t)((input->size - sizeof header) / WORD);
        if (kind < 40)
            add_arithmetic(state, input);
        else if (kind < 65)
            add_access(state, input);
        else if (kind < 80)
            add_branch(state, input, words);
        else if (kind < 97)
            add_helper(state, input);
        else
            add_wide(state, input);
    }
    /* What a jump may name beyond the last instruction. */
    for (int i = 0; i < 3; i++)
        add_word(input, VMI_JMP | VMI_EXIT, 0, 0, 0, 0);
}

static void mutate_word(uint64_t *state, struct vmi_bytes *input, uint8_t *word)
{
    uint8_t copy[WORD];
    int32_t immediate = some_immediate(state);
    memcpy(copy, word, WORD);
    switch (below(state, 5)) {
    case 0:
        memcpy(word + 4, &immediate, sizeof immediate);
        break;
    case 1:
        memcpy(word + 2, &immediate, 2);
        break;
    case 2:                     /* twice: the words behind it move */
        vmi_bytes_add(input, copy, WORD);
        break;
    case 3:                     /* one less */
        memmove(word, word + WORD, (size_t)(input->at + input->size - word - WORD));
        input->size -= WORD;
        break;
    default:
        word[below(state, WORD)] = (uint8_t)vmi_random_next(state);
    }
}

void vmi_fuzz_mutate(uint64_t *state, struct vmi_bytes *input)
{
    for (uint32_t count = 1 + below(state, MOST_MUTATIONS); count > 0; count--) {
        uint32_t words = (uint32_t)((input->size - VMI_FUZZ_HEADER_BYTES) / WORD);
        if (words > 1 && below(state, 2))
            mutate_word(state, input, input->at + VMI_FUZZ_HEADER_BYTES + (size_t)below(state, words) * WORD);
        else
            input->at[below(state, (uint32_t)input->size)] ^= (uint8_t)(1 << below(state, 8));
    }
}
