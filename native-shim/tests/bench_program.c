/* Nanoseconds per instruction of the two loops that tests/Benchmarks/ProgramSection.cs measures the interpreter in C# by. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmi_program.h"

enum { RUNS = 300 };

struct word { uint8_t opcode, destination, source; int16_t offset; int32_t immediate; };

static const struct word mixed[] = {
    { 0xB7, 6, 0, 0, 10000 },       /*  0: r6 = 10000 */
    { 0xB7, 7, 0, 0, 0 },           /*  1: r7 = 0 */
    { 0xBF, 8, 1, 0, 0 },           /*  2: r8 = r1 */
    { 0xBF, 3, 6, 0, 0 },           /*  3: r3 = r6 */
    { 0x57, 3, 0, 0, 0x1F8 },       /*  4: r3 &= 504 */
    { 0x0F, 3, 8, 0, 0 },           /*  5: r3 += r8 */
    { 0x61, 4, 3, 0, 0 },           /*  6: r4 = *(u32 *)(r3 + 0) */
    { 0xAF, 7, 4, 0, 0 },           /*  7: r7 ^= r4 */
    { 0x27, 7, 0, 0, 0x5BD1E995 },  /*  8: r7 *= 1540483477 */
    { 0x77, 7, 0, 0, 13 },          /*  9: r7 >>= 13 */
    { 0x56, 7, 0, 2, 77 },          /* 10: if w7 != 77 goto 13 */
    { 0x63, 3, 7, 0, 0 },           /* 11: *(u32 *)(r3 + 0) = r7 */
    { 0x04, 7, 0, 0, 1 },           /* 12: w7 += 1 */
    { 0x45, 6, 0, 1, 15 },          /* 13: if r6 & 15 goto 15 */
    { 0x85, 0, 1, 0, 4 },           /* 14: call 19 */
    { 0x17, 6, 0, 0, 1 },           /* 15: r6 -= 1 */
    { 0x65, 6, 0, -14, 0 },         /* 16: if r6 s> 0 goto 3 */
    { 0xBF, 0, 7, 0, 0 },           /* 17: r0 = r7 */
    { 0x95, 0, 0, 0, 0 },           /* 18: exit */
    { 0x7B, 10, 7, -8, 0 },         /* 19: *(u64 *)(r10 - 8) = r7 */
    { 0x79, 0, 10, -8, 0 },         /* 20: r0 = *(u64 *)(r10 - 8) */
    { 0x95, 0, 0, 0, 0 },           /* 21: exit */
};

static const struct word memory[] = {
    { 0xB7, 6, 0, 0, 10000 },       /*  0: r6 = 10000 */
    { 0xBF, 3, 1, 0, 0 },           /*  1: r3 = r1 */
    { 0x79, 4, 3, 0, 0 },           /*  2: r4 = *(u64 *)(r3 + 0) */
    { 0x61, 5, 3, 12, 0 },          /*  3: r5 = *(u32 *)(r3 + 12) */
    { 0x7B, 3, 4, 16, 0 },          /*  4: *(u64 *)(r3 + 16) = r4 */
    { 0x63, 3, 5, 24, 0 },          /*  5: *(u32 *)(r3 + 24) = r5 */
    { 0x71, 4, 3, 33, 0 },          /*  6: r4 = *(u8 *)(r3 + 33) */
    { 0x69, 5, 3, 36, 0 },          /*  7: r5 = *(u16 *)(r3 + 36) */
    { 0x73, 3, 4, 40, 0 },          /*  8: *(u8 *)(r3 + 40) = r4 */
    { 0x7B, 10, 5, -16, 0 },        /*  9: *(u64 *)(r10 - 16) = r5 */
    { 0x79, 4, 10, -8, 0 },         /* 10: r4 = *(u64 *)(r10 - 8) */
    { 0x7A, 3, 0, 48, 7 },          /* 11: *(u64 *)(r3 + 48) = 7 */
    { 0x17, 6, 0, 0, 1 },           /* 12: r6 -= 1 */
    { 0x55, 6, 0, -12, 0 },         /* 13: if r6 != 0 goto 2 */
    { 0x95, 0, 0, 0, 0 },           /* 14: exit */
};

static const struct word shortest[] = { { 0x95, 0, 0, 0, 0 } };

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void measure(const char *what, const struct word *words, uint32_t count)
{
    uint8_t code[256];
    char problem[128];
    double times[RUNS];
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *at = code + 8 * i;
        at[0] = words[i].opcode;
        at[1] = (uint8_t)(words[i].destination | words[i].source << 4);
        memcpy(at + 2, &words[i].offset, 2);
        memcpy(at + 4, &words[i].immediate, 4);
    }
    struct vmi_program_image image = { .code = code, .words = count, .scratch_bytes = 1024, .budget = 1000000 };
    struct vmi_program *program = vmi_program_load(&image, problem, sizeof problem);
    uint8_t *bytes = program ? calloc(1, vmi_program_memory_bytes(program)) : NULL;
    struct vmi_result result = { 0 };
    if (!bytes)
        exit(1);
    for (int i = 0; i < RUNS; i++) {
        double start = now_ns();
        result = vmi_program_run(program, bytes, NULL, NULL);
        times[i] = now_ns() - start;
    }
    qsort(times, RUNS, sizeof *times, compare);
    printf("%s, %u instructions: %.2f ns each (median of %d runs)\n", what, result.taken, times[RUNS / 2] / result.taken, RUNS);
    free(bytes);
    vmi_program_free(program);
}

int main(void)
{
    measure("mixed loop", mixed, sizeof mixed / sizeof *mixed);
    measure("memory loop", memory, sizeof memory / sizeof *memory);
    measure("shortest run", shortest, 1);
    return 0;
}
