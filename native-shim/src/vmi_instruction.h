/* One instruction word of RFC 9669, section 3, and the parts that its opcode is made of (sections 3 to 5). */
#ifndef VMI_INSTRUCTION_H
#define VMI_INSTRUCTION_H

#include <stdbool.h>
#include <stdint.h>

struct vmi_instruction {
    uint8_t opcode;
    uint8_t destination;
    uint8_t source;
    int16_t offset;
    int32_t immediate;
};

enum {
    VMI_INSTRUCTION_BYTES = 8,
    VMI_REGISTERS = 11,         /* that an instruction can name: r0 to r10 */
    VMI_FRAME_POINTER = 10,
};

/* Instruction classes, the low three bits. */
enum {
    VMI_CLASS_MASK = 0x07,
    VMI_LD = 0x00, VMI_LDX = 0x01, VMI_ST = 0x02, VMI_STX = 0x03, VMI_ALU = 0x04, VMI_JMP = 0x05, VMI_JMP32 = 0x06, VMI_ALU64 = 0x07,
};

/* Set where the source operand of arithmetic and jumps is a register, not the immediate. */
enum { VMI_X = 0x08 };

/* Arithmetic and jumps, the high four bits. */
enum {
    VMI_CODE_MASK = 0xF0,
    VMI_ADD = 0x00, VMI_SUB = 0x10, VMI_MUL = 0x20, VMI_DIV = 0x30, VMI_OR = 0x40, VMI_AND = 0x50, VMI_LSH = 0x60, VMI_RSH = 0x70,
    VMI_NEG = 0x80, VMI_MOD = 0x90, VMI_XOR = 0xA0, VMI_MOV = 0xB0, VMI_ARSH = 0xC0, VMI_END = 0xD0,
};
enum {
    VMI_JA = 0x00, VMI_JEQ = 0x10, VMI_JGT = 0x20, VMI_JGE = 0x30, VMI_JSET = 0x40, VMI_JNE = 0x50, VMI_JSGT = 0x60, VMI_JSGE = 0x70,
    VMI_CALL = 0x80, VMI_EXIT = 0x90, VMI_JLT = 0xA0, VMI_JLE = 0xB0, VMI_JSLT = 0xC0, VMI_JSLE = 0xD0,
};

/* Size, bits 3 and 4, and mode, the high three bits, of loads and stores. */
enum { VMI_SIZE_MASK = 0x18, VMI_W = 0x00, VMI_H = 0x08, VMI_B = 0x10, VMI_DW = 0x18 };
enum { VMI_MODE_MASK = 0xE0, VMI_IMM = 0x00, VMI_ABS = 0x20, VMI_IND = 0x40, VMI_MEM = 0x60, VMI_MEMSX = 0x80, VMI_ATOMIC = 0xC0 };

/* Load of a 64-bit immediate in two words, the second with opcode 0 and the upper half. */
enum { VMI_LDDW = VMI_LD | VMI_DW | VMI_IMM };

/* Reads the word in 8 bytes. Any bytes are some word: what it may be is the verifier's to say. */
struct vmi_instruction vmi_instruction_read(const uint8_t *bytes);

/* How many bytes a load or store of this opcode moves. */
int vmi_instruction_size(uint8_t opcode);

/* The index of the instruction that a well-formed jump or program-local call at `index` names, which may lie outside of any code. False
 * for an instruction that names none. */
bool vmi_instruction_target(const struct vmi_instruction *word, uint32_t index, int64_t *target);

#endif
