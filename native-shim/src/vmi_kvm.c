#define _GNU_SOURCE
#include "vmi_kvm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#include "vmi_control.h"
#include "vmi_pages.h"
#include "vmi_run.h"
#include "vmi_slots.h"
#include "vmi_system.h"
#include "vmi_traps.h"

/* Linux 6.8: the same with more behind it, 160 bytes (include/uapi/linux/kvm.h, struct kvm_userspace_memory_region2). */
#define SET_USER_MEMORY_REGION2 0x40a0ae49u

/* Linux 5.14: longer than struct kvm_sregs, and the same up to its last field (struct kvm_sregs2). */
#define SET_SREGS2 0x4140aecdu

static int create_vcpu(int fd, uint32_t request, unsigned long argument)
{
    int made = vmi_system_ioctl(fd, request, argument);
    struct vmi_vcpu *vcpu = made >= 0 && fd == atomic_load(&vmi_world.vm) ? vmi_vcpu_add(made, (uint32_t)argument) : NULL;
    if (vcpu)
        vmi_vcpu_expect(vcpu);
    return made;
}

/* A vCPU's thread does this once, before it runs it (target/i386/kvm/kvm.c, kvm_arch_init_vcpu): also for one that was unplugged and is plugged in again, whose descriptor
 * QEMU has kept. */
static int set_cpuid(int fd, uint32_t request, unsigned long argument)
{
    struct vmi_vcpu *vcpu = vmi_vcpu_of(fd);
    if (vcpu && !atomic_load(&vcpu->in_hook)) {
        vmi_vcpu_expect(vcpu);
        vmi_world_tell(vcpu, VMI_TELL_VCPU);
    }
    return vmi_system_ioctl(fd, request, argument);
}

/* Traps do not go with memory that is on its way elsewhere. */
static void follow_log(const struct kvm_userspace_memory_region *region)
{
    if (vmi_traps_would_be_logged(region)) {
        atomic_store(&vmi_world.is_logged, 1);
        vmi_traps_lift();
    }
    /* QEMU finds its slots as it has set them. */
    if (vmi_pages_take())
        atomic_store(&vmi_world.is_lifted, 1);
}

static int set_memory(int fd, uint32_t request, unsigned long argument)
{
    struct kvm_userspace_memory_region region;
    memcpy(&region, (const void *)argument, sizeof region);
    /* The slot's upper half is another address space: that of SMM. */
    if (fd != atomic_load(&vmi_world.vm) || region.slot >> 16 != 0)
        return vmi_system_ioctl(fd, request, argument);
    /* With nothing at work no vCPU looks at memory, and the machine need not stand still. */
    vmi_world_lock();
    bool is_still = !vmi_world.tables || vmi_control_bring_out();
    while (!is_still && vmi_pages_are_in())
        is_still = vmi_control_bring_out();   /* QEMU does not survive a slot that is other than it has set it */
    if (is_still)
        follow_log(&region);
    int result = vmi_system_ioctl(fd, request, argument);
    if (result == 0) {
        vmi_world.map_moves++;
        vmi_slots_set(&vmi_world.map, &region);
        if (!vmi_traps_are_logged(vmi_world.tables))
            atomic_store(&vmi_world.is_logged, 0);
    }
    bool is_stale = vmi_world.map.is_stale;
    vmi_world_go();
    if (is_stale)
        vmi_control_wake();
    return result;
}

/* A debugger of QEMU's own comes while debug registers are ours. */
static int set_debug(int fd, uint32_t request, unsigned long argument)
{
    struct kvm_guest_debug debug;
    memcpy(&debug, (const void *)argument, sizeof debug);
    bool enables = (debug.control & KVM_GUESTDBG_ENABLE) != 0;
    vmi_world_lock();
    const struct vmi_tables *tables = vmi_world.tables;
    int result = enables ? -EBUSY : 0;
    if (!tables || (!vmi_traps_want_debug(tables) && !tables->has_steps)) {
        result = vmi_system_ioctl(fd, request, argument);
        if (result == 0)
            vmi_world.is_debugged = enables;
    }
    vmi_world_go();
    return result;
}

/* A machine that is reset: QEMU gives the processor that boots it the state of one that was (target/i386/cpu.c, x86_cpu_reset_hold). The kernel's memory may stay as it
 * is for as long as the next one runs elsewhere, and no trap is met any more. */
static int set_sregs(int fd, uint32_t request, unsigned long argument)
{
    enum { RESET_SELECTOR = 0xf000, PAGING = 1u << 31 };
    int result = vmi_system_ioctl(fd, request, argument);
    struct vmi_vcpu *vcpu = vmi_vcpu_of(fd);
    if (result != 0 || !vcpu || vcpu != vmi_vcpu_at(0))
        return result;
    struct kvm_sregs sregs;
    memcpy(&sregs, (const void *)argument, sizeof sregs);
    if ((sregs.cr0 & PAGING) || sregs.cs.selector != RESET_SELECTOR || sregs.cs.base != 0xffff0000)
        return result;
    vmi_world_lock();
    if (vmi_world.tables)
        vmi_world_tell(vcpu, VMI_TELL_RESET);
    vmi_world_go();
    return result;
}

/* QEMU reads the clock when it has stopped all vCPUs (hw/i386/kvm/clock.c), and before anything else is done with the machine's state. */
static int get_clock(int fd, uint32_t request, unsigned long argument)
{
    if (fd == atomic_load(&vmi_world.vm))
        vmi_control_lift();
    return vmi_system_ioctl(fd, request, argument);
}

static int other(int fd, uint32_t request, unsigned long argument)
{
    switch (request) {
    case (uint32_t)KVM_CREATE_VCPU:
        return create_vcpu(fd, request, argument);
    case (uint32_t)KVM_SET_CPUID2:
        return set_cpuid(fd, request, argument);
    case (uint32_t)KVM_SET_USER_MEMORY_REGION:
    case SET_USER_MEMORY_REGION2:
        return set_memory(fd, request, argument);
    case (uint32_t)KVM_SET_GUEST_DEBUG:
        return set_debug(fd, request, argument);
    case (uint32_t)KVM_SET_SREGS:
    case SET_SREGS2:
        return set_sregs(fd, request, argument);
    case (uint32_t)KVM_GET_CLOCK:
        return get_clock(fd, request, argument);
    default:
        return vmi_system_ioctl(fd, request, argument);
    }
}

int vmi_kvm_ioctl(int fd, uint32_t request, unsigned long argument)
{
    struct vmi_vcpu *vcpu = request == (uint32_t)KVM_RUN ? vmi_vcpu_of(fd) : NULL;
    return vcpu ? vmi_run(vcpu, argument) : other(fd, request, argument);
}
