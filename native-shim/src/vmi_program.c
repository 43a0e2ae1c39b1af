#include "vmi_program.h"

#include <stdio.h>
#include <stdlib.h>

#include "vmi_loaded.h"
#include "vmi_verifier.h"

/* What is loaded was read once: whoever can still write to the image changes nothing. */
static void read_code(const struct vmi_program_image *image, struct vmi_instruction *code)
{
    const uint8_t *bytes = image->code;
    for (uint32_t i = 0; i < image->words; i++)
        code[i] = vmi_instruction_read(bytes + (size_t)i * VMI_INSTRUCTION_BYTES);
}

/* `second` holds a byte for each word. */
static struct vmi_program *load(const struct vmi_program_image *image, struct vmi_instruction *code, uint8_t *second, char *what)
{
    read_code(image, code);
    if (!vmi_verify_code(code, image->words, second, what))
        return NULL;
    struct vmi_program *program = malloc(sizeof *program + image->words * sizeof program->steps[0]);
    if (!program)
        return NULL;
    program->registers = image->registers;
    program->schemas = image->schemas;
    program->budget = image->budget;
    program->scratch_bytes = image->scratch_bytes;
    vmi_decode(code, image->words, program->steps);
    return program;
}

struct vmi_program *vmi_program_load(const struct vmi_program_image *image, char *problem, size_t problem_size)
{
    char what[VMI_PROBLEM_BYTES] = "program: there is no memory for it";
    struct vmi_program_image copy = *image;
    struct vmi_program *program = NULL;
    if (vmi_verify_limits(&copy, what)) {
        struct vmi_instruction *code = malloc(copy.words * sizeof *code);
        uint8_t *second = malloc(copy.words);
        if (code && second)
            program = load(&copy, code, second, what);
        free(second);
        free(code);
    }
    if (!program)
        snprintf(problem, problem_size, "%s", what);
    return program;
}

void vmi_program_free(struct vmi_program *program)
{
    free(program);
}

size_t vmi_program_memory_bytes(const struct vmi_program *program)
{
    return (size_t)VMI_STACK_BYTES + program->scratch_bytes;
}
