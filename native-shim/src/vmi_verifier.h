/* Checks a program when it is loaded. One that passes can do nothing but what the probe machine has: known instructions and helpers, jumps
 * to instructions of its own, no write to r10. Whether an address lies in program memory and whether a run ends is seen while it runs. */
#ifndef VMI_VERIFIER_H
#define VMI_VERIFIER_H

#include "vmi_instruction.h"
#include "vmi_program.h"

enum {
    VMI_PROBLEM_BYTES = 96,         /* room for the text of any problem of a program, and of a word */
    VMI_WORD_PROBLEM_BYTES = 72,
};

/* Whether the image's numbers are within the limits; its code is not looked at. */
bool vmi_verify_limits(const struct vmi_program_image *image, char problem[VMI_PROBLEM_BYTES]);

/* Whether `count` words, at least one, are the code of a program. `second` holds `count` bytes for the verifier's own use. */
bool vmi_verify_code(const struct vmi_instruction *code, uint32_t count, uint8_t *second, char problem[VMI_PROBLEM_BYTES]);

/* Whether one word is an instruction of the probe machine: the conformance groups base64 (with base32) and divmul64 (with divmul32) of
 * RFC 9669, section 2.4, with every field that it does not use at zero (section 3.1). What it needs of the program around it (targets, the
 * second word of lddw) is vmi_verify_code's. */
bool vmi_verify_form(const struct vmi_instruction *word, char problem[VMI_WORD_PROBLEM_BYTES]);

#endif
