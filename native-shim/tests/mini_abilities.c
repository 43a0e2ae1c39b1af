#define _GNU_SOURCE
#include "mini_abilities.h"

#include <sys/ioctl.h>

#include "mini_machine.h"

enum { ROUNDS = 10, RESUME_FLAG = 1 << 16 };

/* Whether the work comes to its end with so many debug exits. dr7 0: with no debug register. */
static bool ends_with(const uint8_t *work, uint64_t address, uint64_t dr7, uint64_t exits)
{
    struct kvm_guest_debug debug = { .control = dr7 ? KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP : 0 };
    struct kvm_regs regs;
    uint64_t met = 0;
    mini_make(1);
    mini_set_up(&mini.vcpus[0], work, ROUNDS);
    debug.arch.debugreg[0] = address;
    debug.arch.debugreg[7] = dr7;
    int vcpu = mini.vcpus[0].fd;
    if (ioctl(vcpu, KVM_SET_GUEST_DEBUG, &debug) != 0)
        return false;
    for (;;) {
        if (ioctl(vcpu, KVM_RUN, 0) != 0 || met > exits)
            return false;
        switch (mini.vcpus[0].run->exit_reason) {
        case KVM_EXIT_HLT: return met == exits;
        case KVM_EXIT_IO: break;
        case KVM_EXIT_DEBUG:
            met++;
            if (ioctl(vcpu, KVM_GET_REGS, &regs) != 0)
                return false;
            regs.rflags |= RESUME_FLAG;
            if (ioctl(vcpu, KVM_SET_REGS, &regs) != 0)
                return false;
            break;
        default: return false;
        }
    }
}

bool mini_kvm_can(enum mini_ability ability)
{
    enum { EXECUTE = 0x402, ACCESS_8 = 0xb0402 };   /* register 0 (SDM volume 3, 18.2.4) */
    switch (ability) {
    case MINI_GOES_ON: return ends_with(mini_work, mini_address(mini_push), EXECUTE, ROUNDS);
    case MINI_WATCHES: return ends_with(mini_watch, MINI_WATCHED_AT, ACCESS_8, 2 * ROUNDS);
    case MINI_BREAKS: return ends_with(mini_own, 0, 0, 0);
    case MINI_FLOATS: return ends_with(mini_stores, 0, 0, 0);
    default: return true;
    }
}
