/* Stopping the main thread at the right moment. */
#ifndef VMI_PAUSE_H
#define VMI_PAUSE_H

#include "target.h"

/* Stops it where it waits in a system call, as a program does that waits for work: it holds no lock of the allocator or the loader
   then. Cleans the room where a killed run has left something. Returns its registers; ends the program after the time limit. */
struct user_regs_struct vmi_pause_safely(struct vmi_target *target, int64_t deadline);

/* Stops it where nothing of the trampoline is on its way any more, cleans the room, and lets it go on. Where there is no such moment
   before the deadline, the room stays occupied, which harms nobody. */
void vmi_pause_to_clean(struct vmi_target *target, int64_t deadline);

/* How a thread that is stopped in a system call goes on, made from its registers: where, and with what in rax; and whether the kernel
   restarts the call, or lets it tell of a signal that is handled first. */
struct vmi_resumption {
    uint64_t rip, rax;
    bool is_restarted;
};
struct vmi_resumption vmi_pause_resumption(const struct user_regs_struct *registers);

#endif
