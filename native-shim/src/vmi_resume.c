#include "vmi_resume.h"

#include <string.h>

#include "vmi_registers.h"
#include "vmi_retry.h"
#include "vmi_traps.h"

#define RESUME_FLAG (1ull << 16)   /* RFLAGS.RF */
#define LONG_MODE (1ull << 10)     /* EFER.LMA */
#define SINGLE_STEP (1ull << 14)   /* DR6.BS */

/* Memory as the vCPU sees it, also where no program has asked for it yet. */
static bool enter_space(struct vmi_vcpu *vcpu)
{
    const struct kvm_sregs *sregs = vmi_registers_system(vcpu);
    if (sregs)
        vmi_space_enter(&vcpu->space, &vmi_world.map, sregs->cr0, sregs->cr3, sregs->cr4, sregs->efer);
    return sregs != NULL;
}

static bool push(struct vmi_vcpu *vcpu, const struct vmi_site *site)
{
    uint64_t value = *vmi_registers_general(vcpu->regs, site->source);
    uint64_t at = vcpu->regs->rsp - sizeof value;
    if (!enter_space(vcpu) || vmi_space_write(&vcpu->space, at, 0, &value, sizeof value) != sizeof value)
        return false;
    vcpu->regs->rsp = at;
    return true;
}

static void move(struct vmi_vcpu *vcpu, const struct vmi_site *site)
{
    uint64_t value = *vmi_registers_general(vcpu->regs, site->source);
    *vmi_registers_general(vcpu->regs, site->target) = site->width == 4 ? (uint32_t)value : value;
}

static bool load(struct vmi_vcpu *vcpu, const struct vmi_site *site)
{
    uint64_t value = 0, at = *vmi_registers_general(vcpu->regs, site->source) + (uint64_t)(int64_t)site->displacement;
    if (!enter_space(vcpu) || vmi_space_read(&vcpu->space, at, 0, &value, site->width) != site->width)
        return false;
    *vmi_registers_general(vcpu->regs, site->target) = value;
    return true;
}

/* The copy in the cave, or the instruction in its place. KVM steps from where RIP is when it is told to. */
static void begin_step(struct vmi_vcpu *vcpu, const struct vmi_site *site)
{
    vcpu->step = (struct vmi_step){ .active = true, .site = *site, .before = *vcpu->regs };
    if (site->cave != 0)
        vcpu->regs->rip = site->cave;
    else
        vcpu->regs->rflags |= RESUME_FLAG;
    vmi_registers_store(vcpu);
    vmi_traps_debug(vcpu, true);
}

static bool is_done_here(struct vmi_vcpu *vcpu, const struct vmi_site *site)
{
    switch (site->resume) {
    case VMI_RESUME_SKIP: return true;
    case VMI_RESUME_PUSH: return push(vcpu, site);
    case VMI_RESUME_MOVE: move(vcpu, site); return true;
    case VMI_RESUME_LOAD: return load(vcpu, site);
    default: return false;
    }
}

void vmi_resume(struct vmi_vcpu *vcpu, const struct vmi_site *site, bool sees_after)
{
    if (site->resume == VMI_RESUME_NONE)
        return;
    if (is_done_here(vcpu, site)) {
        vcpu->regs->rip += site->length;
        vmi_registers_changed(vcpu);
    } else if (site->resume == VMI_RESUME_FLAG && !sees_after) {
        vcpu->regs->rflags |= RESUME_FLAG;
        vmi_registers_changed(vcpu);
    } else {
        begin_step(vcpu, site);
    }
}

/* An exception's or interrupt's handler has been entered from the cave: the guest looks for its way back, and for what it is to do about the
 * fault (its exception tables), by the address on the stack, which is to be the site's. True where that was so. */
static bool return_to_site(struct vmi_vcpu *vcpu, const struct vmi_site *site)
{
    const struct kvm_sregs *sregs = vmi_registers_system(vcpu);
    if (!enter_space(vcpu))
        return false;
    size_t word = sregs->efer & LONG_MODE ? 8 : 4;
    /* RIP lies on top, or below an error code. */
    for (unsigned depth = 0; depth < 2; depth++) {
        uint64_t at = vcpu->regs->rsp + depth * word, saved = 0;
        if (vmi_space_read(&vcpu->space, at, 0, &saved, word) != word || saved != site->cave)
            continue;
        vmi_space_write(&vcpu->space, at, 0, &site->address, word);
        return true;
    }
    return false;
}

/* The registers with which the instruction will be met again: they lie in the handler's frame, and for the most part in the vCPU yet. */
static void expect_retry(struct vmi_vcpu *vcpu, const struct vmi_site *site, const struct kvm_regs *before)
{
    struct kvm_regs now = *vcpu->regs;
    *vcpu->regs = *before;
    vcpu->regs->rip = site->address;
    vmi_retry_expect(vcpu);
    *vcpu->regs = now;
}

bool vmi_resume_step_is_over(struct vmi_vcpu *vcpu, bool *is_done)
{
    const struct vmi_site *site = &vcpu->step.site;
    if (!(vcpu->run->debug.arch.dr6 & SINGLE_STEP))
        return false;
    vcpu->step.active = false;
    vmi_traps_debug(vcpu, false);
    *is_done = true;
    if (site->cave == 0) {
        *is_done = vcpu->regs->rip == site->address + site->length;
    } else if (vcpu->regs->rip == site->cave + site->cave_length) {
        vcpu->regs->rip = site->address + site->length;
        vmi_registers_changed(vcpu);
    } else if (return_to_site(vcpu, site)) {
        *is_done = false;
        expect_retry(vcpu, site, &vcpu->step.before);
    } else if (vcpu->regs->rip == site->cave) {
        /* It has not begun. */
        vcpu->regs->rip = site->address;
        vmi_retry_expect(vcpu);
        vmi_registers_changed(vcpu);
        *is_done = false;
    }
    return true;
}
