/* A plain driver for fuzzers, for compilers without libFuzzer: makes inputs of random bytes out of a seed, and says which one it was when
 * something must not be. */
#ifndef VMI_FUZZ_DRIVER_H
#define VMI_FUZZ_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One input; whether it came further than the first refusal. */
typedef bool (*vmi_fuzz_run)(const uint8_t *data, size_t size);

/* The program: [seconds=N | runs=N] [seed=N] [first=N]. `most` is the longest input. */
int vmi_fuzz_drive(int count, char **arguments, vmi_fuzz_run run, size_t most);

/* Ends the process, as a sanitizer does. */
void vmi_fuzz_require(bool holds, const char *what);

/* Numbers out of an input, front to back; 0 where it has ended. */
struct vmi_fuzz_source { const uint8_t *data; size_t size; };
uint64_t vmi_fuzz_number(struct vmi_fuzz_source *source, size_t bytes);
uint32_t vmi_fuzz_below(struct vmi_fuzz_source *source, uint32_t count);

#endif
