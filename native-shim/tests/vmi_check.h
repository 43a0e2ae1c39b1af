/* How test programs count what holds, each for itself. Any thread may expect. */
#ifndef VMI_CHECK_H
#define VMI_CHECK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static _Atomic unsigned passed, failed;

static inline void expect(bool holds, const char *what)
{
    if (holds) {
        passed++;
        return;
    }
    failed++;
    printf("FAILED %s\n", what);
}

static inline void expect_equal(uint64_t expected, uint64_t actual, const char *what)
{
    if (expected != actual)
        printf("  expected: 0x%llx\n  actual:   0x%llx\n", (unsigned long long)expected, (unsigned long long)actual);
    expect(expected == actual, what);
}

/* The last line of a test program, and its exit status. */
static inline int conclude(void)
{
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0 || passed == 0;
}

/* The next number of a sequence (splitmix64). */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

#endif
