/* A vCPU's registers while it is out of the guest. KVM hands them out with the exit and takes them back with the next run
 * (Documentation/virt/kvm/api.rst, KVM_CAP_SYNC_REGS), or is asked for them. */
#ifndef VMI_REGISTERS_H
#define VMI_REGISTERS_H

#include "vmi_vcpu.h"

/* What KVM is to hand out with each exit from now on. */
void vmi_registers_sync(struct vmi_vcpu *vcpu, bool regs, bool sregs);

/* Begins an event at an exit: `regs` are there, `sregs` not yet looked at. False where KVM refuses them. */
bool vmi_registers_at_exit(struct vmi_vcpu *vcpu);

/* The same where there was no exit just now: for whoever has stopped the world, or comes from QEMU. */
bool vmi_registers_load(struct vmi_vcpu *vcpu);

/* System registers: the event's, asked for at most once. NULL where KVM refuses them. */
const struct kvm_sregs *vmi_registers_system(struct vmi_vcpu *vcpu);

/* `regs` have been changed: the next run begins with them; or, with `store`, KVM has them now. */
void vmi_registers_changed(struct vmi_vcpu *vcpu);
bool vmi_registers_store(struct vmi_vcpu *vcpu);

/* What the next run would have begun with is KVM's, so that QEMU sees it. */
void vmi_registers_settle(struct vmi_vcpu *vcpu);

/* A register by the architecture's number: 0 RAX, 1 RCX, 2 RDX, 3 RBX, 4 RSP, 5 RBP, 6 RSI, 7 RDI, 8 to 15. */
uint64_t *vmi_registers_general(struct kvm_regs *regs, unsigned number);

/* A register by the language's number (GuestRegister.cs); 0 for one that there is not. */
uint64_t vmi_registers_read(struct vmi_vcpu *vcpu, unsigned number);

#endif
