/* KVM_RUN, as QEMU's vCPU threads call it. */
#ifndef VMI_RUN_H
#define VMI_RUN_H

#include "vmi_world.h"

/* Runs the guest, deals with what is ours, and returns to QEMU with what is not, as KVM_RUN would: 0 or a negative errno. */
int vmi_run(struct vmi_vcpu *vcpu, unsigned long argument);

#endif
