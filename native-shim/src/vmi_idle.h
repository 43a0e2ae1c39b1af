/* The way of a vCPU's exits while nothing is at work, which every guest of a QEMU with the shim takes all the time.
 *
 * It is one piece of code and looks at one page besides the vCPU's own: where KVM runs on an emulated CPU, each page that is touched and each
 * return from a function costs an exit more than all of its instructions do. */
#ifndef VMI_IDLE_H
#define VMI_IDLE_H

#include "vmi_system.h"
#include "vmi_vcpu.h"

/* Puts a function to the others of this way. */
#define VMI_ON_EVERY_EXIT __attribute__((hot))

enum { VMI_MAX_FD = 65536 };

/* What each exit looks at. The descriptors in use are small numbers, so that it lies in one page. vmi_vcpu.c writes it. */
struct vmi_gate {
    _Atomic uint32_t hold;   /* the world is stopped; a futex */
    _Atomic(struct vmi_vcpu *) by_fd[VMI_MAX_FD];
};

extern struct vmi_gate vmi_gate;

static inline struct vmi_vcpu *vmi_vcpu_of(int fd)
{
    return fd >= 0 && fd < VMI_MAX_FD ? atomic_load_explicit(&vmi_gate.by_fd[fd], memory_order_acquire) : NULL;
}

/* KVM_RUN while nothing is at work: true with its result, 0 or a negative errno. False, with nothing done, where there is something, or where
 * the world is stopped. */
static inline bool vmi_idle_run(struct vmi_vcpu *vcpu, unsigned long argument, int *result)
{
    if (!atomic_load_explicit(&vcpu->is_idle, memory_order_relaxed))
        return false;
    atomic_store_explicit(&vcpu->in_hook, 1, memory_order_relaxed);
    atomic_store(&vcpu->inside, 1);   /* as in vmi_vcpu_enter */
    bool is_idle = atomic_load(&vmi_gate.hold) == 0 && atomic_load_explicit(&vcpu->is_idle, memory_order_relaxed);
    if (is_idle)
        *result = vmi_system_ioctl(vcpu->fd, KVM_RUN, argument);
    atomic_store_explicit(&vcpu->inside, 0, memory_order_release);
    atomic_store_explicit(&vcpu->in_hook, 0, memory_order_release);
    return is_idle;
}

#endif
