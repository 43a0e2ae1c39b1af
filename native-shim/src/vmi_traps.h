/* Traps in the guest: bytes of its memory, and debug registers of its vCPUs. The world is stopped at every call, but for
 * vmi_traps_debug. */
#ifndef VMI_TRAPS_H
#define VMI_TRAPS_H

#include "vmi_world.h"

/* Makes the traps those of `tables` (NULL: none). All of them or, where one cannot be had, none is changed: then a negative errno, with what
 * is wrong in `problem`. Steps that are under way for a site are undone. */
int vmi_traps_become(const struct vmi_tables *tables, char *problem, size_t problem_size);

/* Takes the bytes out of memory, or puts them back; the tables stay. */
void vmi_traps_lift(void);
int vmi_traps_replace(void);

/* Whether a trap's bytes lie in that part of physical memory. */
bool vmi_traps_touch(uint64_t physical, uint64_t bytes);

/* Tells KVM what a vCPU's debug registers and steps are to be now. The vCPU's thread, or the world is stopped. A negative errno. */
int vmi_traps_debug(struct vmi_vcpu *vcpu, bool step);

#endif
