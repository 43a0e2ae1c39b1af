/* The process that is worked on, as long as we hold its main thread: that also keeps every other vmi-inject away. */
#ifndef VMI_TARGET_H
#define VMI_TARGET_H

#include "maps.h"
#include "memory.h"
#include "tracee.h"

struct vmi_target {
    pid_t pid;                 /* and the thread id of its main thread */
    struct vmi_memory memory;
    struct vmi_maps maps;      /* as it was at the begin */
    uint64_t stack_start, stack_end;
    /* The C library's functions. */
    uint64_t dlopen, dlclose, dlsym, dlerror, errno_location;
    bool is_musl;              /* whose dlclose unmaps nothing */
    /* Where a trampoline fits, and the byte that lies there without one. */
    uint64_t room;
    size_t room_bytes;
    uint64_t room_fill;
    /* A trampoline lies there, from this run or from one that was killed; and the stack pointer at which it was entered. */
    bool occupied;
    uint64_t entry_rsp;
    int64_t away_us;           /* how long the main thread did not do its own work */
};

/* Seizes the process and learns all that the rest needs; ends the program with the reason where it can't be done. The process
   is not stopped. */
struct vmi_target vmi_target_open(pid_t pid);

#endif
