#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "outcome.h"
#include "stack.h"

enum { STACK_BYTES = 256 << 10 };

bool vmi_stack_points_into(const struct vmi_memory *memory, uint64_t rsp, uint64_t start, uint64_t end)
{
    uint64_t *words = malloc(STACK_BYTES);
    if (!words)
        vmi_fail(VMI_BROKEN, "no memory");
    /* Where the stack ends before that, only what there is comes. */
    ssize_t got = pread(memory->fd, words, STACK_BYTES, (off_t)(rsp & ~7ULL));
    bool found = got <= 0;
    for (ssize_t i = 0; i < got / 8 && !found; i++)
        found = words[i] >= start && words[i] < end;
    free(words);
    return found;
}
