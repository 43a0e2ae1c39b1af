#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "memory.h"
#include "outcome.h"

struct vmi_memory vmi_memory_open(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    struct vmi_memory memory = { .pid = pid, .fd = open(path, O_RDONLY | O_CLOEXEC) };
    if (memory.fd < 0)
        vmi_fail(VMI_BROKEN, "%s can't be opened: %m", path);
    return memory;
}

bool vmi_memory_read(const struct vmi_memory *memory, uint64_t address, void *bytes, size_t size)
{
    char *to = bytes;
    while (size > 0) {
        ssize_t got = pread(memory->fd, to, size, (off_t)address);
        if (got <= 0)
            return false;
        to += got;
        address += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

void vmi_memory_text(const struct vmi_memory *memory, uint64_t address, char *text, size_t size)
{
    ssize_t got = pread(memory->fd, text, size - 1, (off_t)address);
    text[got > 0 ? got : 0] = '\0';
    if (strlen(text) == size - 1)
        text[0] = '\0';
}

void vmi_memory_poke(const struct vmi_memory *memory, uint64_t address, uint64_t word)
{
    if (ptrace(PTRACE_POKEDATA, memory->pid, address, word) != 0)
        vmi_fail(VMI_BROKEN, "memory of process %d can't be written at 0x%llx: %m", memory->pid, (unsigned long long)address);
}
