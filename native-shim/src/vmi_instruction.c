#include "vmi_instruction.h"

struct vmi_instruction vmi_instruction_read(const uint8_t *bytes)
{
    return (struct vmi_instruction){
        .opcode = bytes[0],
        .destination = bytes[1] & 0xF,
        .source = bytes[1] >> 4,
        .offset = (int16_t)(bytes[2] | bytes[3] << 8),
        .immediate = (int32_t)((uint32_t)bytes[4] | (uint32_t)bytes[5] << 8 | (uint32_t)bytes[6] << 16 | (uint32_t)bytes[7] << 24),
    };
}

int vmi_instruction_size(uint8_t opcode)
{
    switch (opcode & VMI_SIZE_MASK) {
    case VMI_B: return 1;
    case VMI_H: return 2;
    case VMI_W: return 4;
    default: return 8;
    }
}

bool vmi_instruction_target(const struct vmi_instruction *word, uint32_t index, int64_t *target)
{
    int kind = word->opcode & VMI_CLASS_MASK, code = word->opcode & VMI_CODE_MASK;
    if ((kind != VMI_JMP && kind != VMI_JMP32) || code == VMI_EXIT || (code == VMI_CALL && word->source != 1))
        return false;
    bool by_immediate = code == VMI_CALL || (kind == VMI_JMP32 && code == VMI_JA);
    /* Counted from the instruction behind this one. */
    *target = (int64_t)index + 1 + (by_immediate ? word->immediate : word->offset);
    return true;
}
