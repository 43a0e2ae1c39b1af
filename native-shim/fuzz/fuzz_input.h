/* Makes inputs for the fuzzer from numbers: the same generator state gives the same input. */
#ifndef VMI_FUZZ_INPUT_H
#define VMI_FUZZ_INPUT_H

#include "vmi_bytes.h"

/* The next number of a sequence (splitmix64). */
uint64_t vmi_random_next(uint64_t *state);

/* A program of instructions that are mostly as they should be, with an exit at the end. Replaces what `input` holds. */
void vmi_fuzz_random(uint64_t *state, struct vmi_bytes *input);

/* Changes some bits, bytes or words of an input. */
void vmi_fuzz_mutate(uint64_t *state, struct vmi_bytes *input);

#endif
