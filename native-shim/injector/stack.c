#define _GNU_SOURCE
#include <unistd.h>

#include "stack.h"

enum { STACK_BYTES = 256 << 10 };

bool vmi_stack_points_into(const struct vmi_memory *memory, uint64_t rsp, uint64_t start, uint64_t end)
{
    /* Threads stand while we read: no time for fresh pages. */
    static uint64_t words[STACK_BYTES / 8];
    /* Where the stack ends before that, only what there is comes. */
    ssize_t got = pread(memory->fd, words, sizeof words, (off_t)(rsp & ~7ULL));
    if (got <= 0)
        return true;
    for (ssize_t i = 0; i < got / 8; i++)
        if (words[i] >= start && words[i] < end)
            return true;
    return false;
}
