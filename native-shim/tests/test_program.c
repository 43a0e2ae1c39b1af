/* What cases cannot say of loading and running: problems cut to their room, limits, one program in several threads. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmi_program.h"

enum { THREADS = 4, RUNS = 2000 };

static unsigned passed, failed;

static void expect(bool holds, const char *what)
{
    if (holds) {
        passed++;
        return;
    }
    failed++;
    printf("FAILED %s\n", what);
}

/* *(u64 *)(r1 + 0) += 1, by way of r0. */
static const uint8_t counter[] = {
    0x79, 0x10, 0, 0, 0, 0, 0, 0, 0x07, 0x00, 0, 0, 1, 0, 0, 0, 0x7B, 0x01, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0,
};

static struct vmi_program_image counter_image(void)
{
    return (struct vmi_program_image){ .code = counter, .words = sizeof counter / 8, .scratch_bytes = 8, .budget = 4 };
}

static void problems_fit_their_room(void)
{
    char problem[16];
    struct vmi_program_image image = counter_image();
    memset(problem, 'x', sizeof problem);
    image.words = 0;
    expect(!vmi_program_load(&image, problem, 8), "code without words is accepted");
    expect(strcmp(problem, "program") == 0 && problem[8] == 'x', "a problem is not cut to its room");
    expect(!vmi_program_load(&image, NULL, 0), "a problem needs room");
    image = counter_image();
    image.words = 3;
    expect(!vmi_program_load(&image, problem, sizeof problem) && strcmp(problem, "instruction 2: ") == 0, "the instruction is not named");
}

static void limits_hold(void)
{
    char problem[128];
    struct vmi_program_image image = counter_image();
    image.words = UINT32_MAX;
    expect(!vmi_program_load(&image, problem, sizeof problem), "too many words are accepted");
    image = counter_image();
    image.scratch_bytes = VMI_MAX_SCRATCH_BYTES + 1;
    expect(!vmi_program_load(&image, problem, sizeof problem), "too large a scratch buffer is accepted");
    image.scratch_bytes = VMI_MAX_SCRATCH_BYTES;
    struct vmi_program *largest = vmi_program_load(&image, problem, sizeof problem);
    expect(largest && vmi_program_memory_bytes(largest) == VMI_STACK_BYTES + VMI_MAX_SCRATCH_BYTES, "the largest scratch buffer is refused");
    vmi_program_free(largest);
    image.scratch_bytes = 8;
    image.budget = 1U << 31;
    expect(!vmi_program_load(&image, problem, sizeof problem), "a budget beyond 31 bits is accepted");
}

/* The image is the caller's again once the program is loaded. */
static void code_is_not_kept(void)
{
    uint8_t code[sizeof counter + 1], memory[VMI_STACK_BYTES + 8] = { 0 };
    char problem[128];
    struct vmi_program_image image = counter_image();
    memcpy(code + 1, counter, sizeof counter);
    image.code = code + 1;      /* at an odd address, too */
    struct vmi_program *program = vmi_program_load(&image, problem, sizeof problem);
    memset(code, 0xFF, sizeof code);
    expect(program && vmi_program_run(program, memory, NULL, NULL).value == 1, "a loaded program changes with its image");
    vmi_program_free(program);
}

static void *count(void *program)
{
    static const uint8_t none[VMI_STACK_BYTES + 8];
    uint8_t memory[VMI_STACK_BYTES + 8];
    uint64_t last = 0;
    memcpy(memory, none, sizeof memory);
    for (int i = 0; i < RUNS; i++)
        last = vmi_program_run(program, memory, NULL, NULL).value;
    return (void *)(uintptr_t)last;
}

static void threads_share_a_program_but_no_memory(void)
{
    char problem[128];
    struct vmi_program_image image = counter_image();
    struct vmi_program *program = vmi_program_load(&image, problem, sizeof problem);
    pthread_t threads[THREADS];
    bool is_right = program != NULL;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, count, program) != 0)
            abort();
    for (int i = 0; i < THREADS; i++) {
        void *last;
        pthread_join(threads[i], &last);
        is_right &= (uintptr_t)last == RUNS;
    }
    expect(is_right, "threads disturb each other");
    vmi_program_free(program);
}

int main(void)
{
    problems_fit_their_room();
    limits_hold();
    code_is_not_kept();
    threads_share_a_program_but_no_memory();
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0;
}
