/* The target's memory. Read at any time; written, a word at a time, only while its main thread stands. */
#ifndef VMI_MEMORY_H
#define VMI_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vmi_memory {
    pid_t pid;
    int fd;   /* of /proc/PID/mem */
};

struct vmi_memory vmi_memory_open(pid_t pid);

/* False where not all of it can be read. */
bool vmi_memory_read(const struct vmi_memory *memory, uint64_t address, void *bytes, size_t size);

/* Reads a string of less than size bytes; "" where there is none. */
void vmi_memory_text(const struct vmi_memory *memory, uint64_t address, char *text, size_t size);

/* Writes an aligned word, into read-only memory too (a private copy of the page is made). PTRACE_POKEDATA, as a kernel may be set
   to refuse that through /proc/PID/mem (proc_mem.force_override). */
void vmi_memory_poke(const struct vmi_memory *memory, uint64_t address, uint64_t word);

#endif
