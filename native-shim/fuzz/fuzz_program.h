/* The fuzzed parts as one function, for libFuzzer and for the plain driver. */
#ifndef VMI_FUZZ_PROGRAM_H
#define VMI_FUZZ_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VMI_FUZZ_HEADER_BYTES = 6 };

/* Loads and runs one input. Whether it was accepted; what must not be ends the process. */
bool vmi_fuzz_program(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
