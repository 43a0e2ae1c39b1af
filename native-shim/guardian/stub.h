/* QEMU's gdbstub (gdbstub.c of QEMU 7.2), as far as it takes to leave it. */
#ifndef VMI_STUB_H
#define VMI_STUB_H

#include <stdbool.h>
#include <stdint.h>

/* Takes what lies unread on the connection, without waiting. True where a stop by another than a breakpoint (T02) is in it. */
bool stub_drain(int fd);

/* Removes all breakpoints; then lets the machine run, or, with stay, leaves it stopped (unless it turns out that it ran until
   now and only this has stopped it). Takes the connection fd and closes it; path is where the gdbstub listens. */
void stub_leave(const char *path, int fd, bool stay, int64_t deadline);

#endif
