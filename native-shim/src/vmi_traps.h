/* Traps in the guest: bytes of its memory, and debug registers of its vCPUs. The world is stopped at every call, but for
 * vmi_traps_debug. */
#ifndef VMI_TRAPS_H
#define VMI_TRAPS_H

#include "vmi_world.h"

/* Makes the traps those of `tables`: all of them or, where one cannot be had, none is changed; then a negative errno, with what is wrong in
 * `problem`. Steps that are under way are undone first; -EBUSY where QEMU is at work on one. NULL takes all out, whatever KVM says to it. */
int vmi_traps_become(const struct vmi_tables *tables, char *problem, size_t problem_size);

/* Takes the bytes out of memory; vCPUs put them back when they run again, with what makes pages read-only where that was taken. */
void vmi_traps_lift(void);
int vmi_traps_put_back(void);

/* Whether memory in which traps are is logged, or would be (vmi_slots.h). */
bool vmi_traps_are_logged(const struct vmi_tables *tables);
bool vmi_traps_would_be_logged(const struct kvm_userspace_memory_region *region);

/* Tells KVM what a vCPU's debug registers and steps are to be now. The vCPU's thread, or the world is stopped. A negative errno. */
int vmi_traps_debug(struct vmi_vcpu *vcpu);
bool vmi_traps_want_debug(const struct vmi_tables *tables);

#endif
