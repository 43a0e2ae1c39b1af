#include "vmi_resume.h"

#include <string.h>

#include "vmi_registers.h"
#include "vmi_retry.h"
#include "vmi_system.h"
#include "vmi_traps.h"

#define TRAP_FLAG (1ull << 8)       /* RFLAGS.TF */
#define INTERRUPT_FLAG (1ull << 9)  /* RFLAGS.IF */
#define RESUME_FLAG (1ull << 16)    /* RFLAGS.RF */
#define LONG_MODE (1ull << 10)      /* EFER.LMA */
#define SINGLE_STEP (1ull << 14)    /* DR6.BS */

enum { GENERAL_PROTECTION = 13, PAGE_FAULT = 14 };

/* Memory as the vCPU sees it, also where no program has asked for it yet. */
static const struct kvm_sregs *enter_space(struct vmi_vcpu *vcpu)
{
    const struct kvm_sregs *sregs = vmi_registers_system(vcpu);
    if (sregs)
        vmi_space_enter(&vcpu->space, &vmi_world.map, sregs->cr0, sregs->cr3, sregs->cr4, sregs->efer);
    return sregs;
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

/* Where a debug register is, the guest's code is its own to change: a breakpoint or a call of its own tracing may stand there now. */
static bool is_other_now(const struct vmi_site *site)
{
    uint8_t there[VMI_MAX_INSTRUCTION];
    return site->trap == VMI_TRAP_EXECUTE
        && (vmi_physical_read(&vmi_world.map, site->physical, there, site->length) != site->length || memcmp(there, site->original, site->length) != 0);
}

static bool is_done_here(struct vmi_vcpu *vcpu, const struct vmi_site *site)
{
    switch (site->resume) {
    case VMI_RESUME_SKIP: return !is_other_now(site);
    case VMI_RESUME_PUSH: return push(vcpu, site);
    case VMI_RESUME_MOVE: move(vcpu, site); return true;
    case VMI_RESUME_LOAD: return load(vcpu, site);
    default: return false;
    }
}

/* ---- steps ---- */

/* Where the instruction lies that is stepped: its copy in the cave, or itself. */
static uint64_t stepped_at(const struct vmi_site *site)
{
    return site->cave ? site->cave : site->address;
}

/* The handler of a vector (Intel SDM volume 3A, 6.11 and 6.14.1), or 0. */
static uint64_t handler_of(struct vmi_vcpu *vcpu, const struct kvm_sregs *sregs, unsigned vector)
{
    uint8_t gate[16] = { 0 };
    size_t size = sregs->efer & LONG_MODE ? 16 : 8;
    if (vmi_space_read(&vcpu->space, sregs->idt.base + vector * size, 0, gate, size) != size)
        return 0;
    uint64_t address = gate[0] | gate[1] << 8 | (uint64_t)gate[6] << 16 | (uint64_t)gate[7] << 24;
    uint32_t upper;
    memcpy(&upper, gate + 8, sizeof upper);
    return size == 16 ? address | (uint64_t)upper << 32 : address;
}

/* An exception's delivery clears TF: the processor would not stop before the instruction has run again, somewhere. So the handlers of those that the
 * instruction may raise are watched. */
static void watch_faults(struct vmi_vcpu *vcpu)
{
    static const unsigned vectors[VMI_GUARDS] = { PAGE_FAULT, GENERAL_PROTECTION };
    const struct kvm_sregs *sregs = enter_space(vcpu);
    for (unsigned i = 0; sregs && i < VMI_GUARDS; i++) {
        uint64_t handler = handler_of(vcpu, sregs, vectors[i]);
        if (handler != 0)
            vcpu->step.guards[vcpu->step.guard_count++] = handler;
    }
}

/* KVM steps from where RIP is when it is told to (kvm_arch_vcpu_ioctl_set_guest_debug): registers first. */
static void begin_step(struct vmi_vcpu *vcpu, const struct vmi_site *site)
{
    vcpu->step = (struct vmi_step){ .active = true, .is_fresh = true, .site = *site, .before = *vcpu->regs };
    if (site->flags & VMI_SITE_MAY_FAULT)
        watch_faults(vcpu);
    if (site->cave != 0)
        vcpu->regs->rip = site->cave;
    else
        vcpu->regs->rflags |= RESUME_FLAG;
    /* Where KVM cannot keep interrupts off, the guest does. */
    vcpu->step.had_interrupts = !(vmi_world.abilities & VMI_CAN_BLOCK_IRQ) && (vcpu->regs->rflags & INTERRUPT_FLAG);
    if (vcpu->step.had_interrupts)
        vcpu->regs->rflags &= ~INTERRUPT_FLAG;
    vmi_registers_store(vcpu);
    vmi_traps_debug(vcpu);
}

static void end_step(struct vmi_vcpu *vcpu)
{
    vcpu->step.active = false;
    vmi_traps_debug(vcpu);
    if (!vcpu->step.had_interrupts)
        return;
    vcpu->regs->rflags |= INTERRUPT_FLAG;
    vmi_registers_changed(vcpu);
}

/* KVM completes a port's exit at the next run, by moving RIP where it stands at the trap still (complete_fast_pio_out): it does so here, before
 * RIP is put there. QEMU's handler writes 1 to say that it wants the vCPU: one that comes meanwhile is not lost. */
static void complete_exit(struct vmi_vcpu *vcpu)
{
    uint8_t none = 0, ours = 2;
    __atomic_compare_exchange_n(&vcpu->run->immediate_exit, &none, ours, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    vmi_system_ioctl(vcpu->fd, KVM_RUN, 0);
    __atomic_compare_exchange_n(&vcpu->run->immediate_exit, &ours, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* The vCPU stands before the site again, as it did; the site's event is not to be seen once more. */
static void go_back(struct vmi_vcpu *vcpu)
{
    vcpu->regs->rip = vcpu->step.site.address;
    vcpu->regs->rflags &= ~RESUME_FLAG;
    vmi_retry_expect(vcpu);
    vmi_registers_changed(vcpu);
}

/* At the first instruction of a fault's handler. The guest looks for its way back, and for what it is to do about the fault (its exception tables), by
 * the address on the stack, which is to be the site's, and must not be stepped when it goes back there. */
static void fault(struct vmi_vcpu *vcpu)
{
    const struct vmi_site *site = &vcpu->step.site;
    const struct kvm_sregs *sregs = enter_space(vcpu);
    size_t word = sregs && !(sregs->efer & LONG_MODE) ? 4 : 8;
    uint64_t from = stepped_at(site);
    /* RIP, CS and RFLAGS lie on top, or below an error code. */
    for (unsigned depth = 0; depth < 2; depth++) {
        uint64_t at = vcpu->regs->rsp + depth * word, saved = 0, flags = 0;
        if (vmi_space_read(&vcpu->space, at, 0, &saved, word) != word || saved != from)
            continue;
        vmi_space_read(&vcpu->space, at + 2 * word, 0, &flags, word);
        flags &= ~(TRAP_FLAG | RESUME_FLAG);
        if (vcpu->step.had_interrupts)
            flags |= INTERRUPT_FLAG;
        vmi_space_write(&vcpu->space, at, 0, &site->address, word);
        vmi_space_write(&vcpu->space, at + 2 * word, 0, &flags, word);
        break;
    }
    struct kvm_regs now = *vcpu->regs;
    *vcpu->regs = vcpu->step.before;
    vmi_retry_expect(vcpu);
    *vcpu->regs = now;
    /* A handler runs as its gate says, not as the step did. */
    vcpu->step.had_interrupts = false;
}

static bool is_at_guard(const struct vmi_vcpu *vcpu)
{
    for (uint32_t i = 0; i < vcpu->step.guard_count; i++)
        if (vcpu->regs->rip == vcpu->step.guards[i])
            return true;
    return false;
}

bool vmi_resume_step_is_over(struct vmi_vcpu *vcpu, bool *is_done)
{
    const struct vmi_site *site = &vcpu->step.site;
    bool is_stepped = (vcpu->run->debug.arch.dr6 & SINGLE_STEP) != 0, is_fault = is_at_guard(vcpu);
    if (!is_stepped && !is_fault)
        return false;
    uint64_t start = stepped_at(site), length = site->cave ? site->cave_length : site->length;
    *is_done = !is_fault && vcpu->regs->rip != start;
    if (is_fault)
        fault(vcpu);
    else if (vcpu->regs->rip == start + length)
        vcpu->regs->rip = site->address + site->length;
    end_step(vcpu);
    if (is_fault)
        vcpu->regs->rflags |= RESUME_FLAG;   /* past the guard, should KVM still have it */
    else if (!*is_done)
        go_back(vcpu);
    vmi_registers_changed(vcpu);
    return true;
}

void vmi_resume_undo_step(struct vmi_vcpu *vcpu)
{
    const struct vmi_site *site = &vcpu->step.site;
    if (!vcpu->step.active)
        return;
    if (vcpu->step.is_fresh)
        complete_exit(vcpu);
    bool is_known = vmi_registers_load(vcpu);
    end_step(vcpu);
    if (!is_known)
        return;
    uint64_t start = stepped_at(site), length = site->cave ? site->cave_length : site->length;
    if (vcpu->regs->rip == start)
        go_back(vcpu);
    else if (vcpu->regs->rip == start + length)
        vcpu->regs->rip = site->address + site->length;
    vmi_registers_store(vcpu);
}

void vmi_resume(struct vmi_vcpu *vcpu, const struct vmi_site *site, bool sees_after)
{
    if (site->resume == VMI_RESUME_NONE)
        return;
    if (is_done_here(vcpu, site)) {
        vcpu->regs->rip += site->length;
        vmi_registers_changed(vcpu);
    } else if ((site->resume == VMI_RESUME_FLAG || site->resume == VMI_RESUME_SKIP) && !sees_after) {
        vcpu->regs->rflags |= RESUME_FLAG;
        vmi_registers_changed(vcpu);
    } else {
        begin_step(vcpu, site);
    }
}

void vmi_resume_in_place(struct vmi_vcpu *vcpu)
{
    struct kvm_regs regs = *vcpu->regs;
    complete_exit(vcpu);
    vcpu->own_regs = regs;
    vcpu->regs = &vcpu->own_regs;
    vmi_registers_store(vcpu);
}
