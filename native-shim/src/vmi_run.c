#include "vmi_run.h"

#include <errno.h>
#include <string.h>

#include "vmi_call.h"
#include "vmi_event.h"
#include "vmi_pages.h"
#include "vmi_registers.h"
#include "vmi_resume.h"
#include "vmi_retry.h"
#include "vmi_system.h"
#include "vmi_traps.h"

enum { DEBUG_EXCEPTION = 1, BREAKPOINT_EXCEPTION = 3 };

/* Behind the instruction of a site, or before it where nothing has to be executed. */
static void run_after(struct vmi_vcpu *vcpu, struct vmi_event *event, const struct vmi_site *site)
{
    if (vmi_world.tables && (site = vmi_tables_find(vmi_world.tables, site->address, site->trap)))
        vmi_event_uses(vcpu, event, site, true);
}

static void at_site(struct vmi_vcpu *vcpu, struct vmi_event *event, const struct vmi_site *site)
{
    uint64_t address = site->address;
    uint8_t trap = site->trap;
    if (!vmi_retry_is_now(vcpu) && !vcpu->is_reset)
        vmi_event_uses(vcpu, event, site, false);
    /* A call of the client's may have taken the trap away: then the instruction is in its place again, and RIP on it. */
    site = vmi_world.tables ? vmi_tables_find(vmi_world.tables, address, trap) : NULL;
    if (!site) {
        vmi_resume_in_place(vcpu);
        return;
    }
    bool after = vmi_site_sees_after(vmi_world.tables, site);
    vmi_resume(vcpu, site, after);
    if (after && !vcpu->step.active)
        run_after(vcpu, event, site);
}

static void finish(struct vmi_vcpu *vcpu, struct vmi_event *event)
{
    vmi_event_end(vcpu, event);
    if (vcpu->wants_pause && vmi_world.ring)
        vmi_call_pause(vcpu);
}

/* A write to the port that traps are: ours where a site stands there. */
static bool on_port(struct vmi_vcpu *vcpu)
{
    const struct kvm_run *run = vcpu->run;
    if (run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 1 || run->io.count != 1 || !vmi_registers_at_exit(vcpu))
        return false;
    /* KVM moves RIP when it goes on; before Linux 4.18, and where it emulates the instruction, it has moved it already. */
    const struct vmi_site *site = vmi_tables_at(vmi_world.tables, vcpu->regs->rip);
    if (!site || site->trap != VMI_TRAP_PORT || site->port != run->io.port) {
        site = vmi_tables_at(vmi_world.tables, vcpu->regs->rip - 2);
        if (!site || site->trap != VMI_TRAP_PORT || site->port != run->io.port)
            return false;
        vcpu->regs->rip -= 2;
    }
    struct vmi_event event;
    vmi_event_begin(vcpu, &event);
    at_site(vcpu, &event, site);
    finish(vcpu, &event);
    return true;
}

static bool on_int3(struct vmi_vcpu *vcpu)
{
    const struct vmi_site *site = vmi_tables_at(vmi_world.tables, vcpu->run->debug.arch.pc);
    if (!site || site->trap != VMI_TRAP_INT3 || !vmi_registers_at_exit(vcpu))
        return false;
    struct vmi_event event;
    vmi_event_begin(vcpu, &event);
    vcpu->regs->rip = site->address;
    at_site(vcpu, &event, site);
    finish(vcpu, &event);
    return true;
}

/* The registers of DR6 that were met: of accesses, which are done; of an instruction, which is not. */
static void on_registers(struct vmi_vcpu *vcpu, struct vmi_event *event, uint64_t met, bool only_accesses)
{
    uint64_t rip = vcpu->regs->rip;
    uint32_t epoch = vmi_world.epoch;
    /* The numbers of `met` are those of the tables of now: a call may change them. */
    for (uint32_t i = 0; vmi_world.tables && vmi_world.epoch == epoch && i < vmi_world.tables->debug_count; i++) {
        const struct vmi_site *site = vmi_world.tables->debug[i];
        if ((met & 1u << i) && site->trap != VMI_TRAP_EXECUTE)
            vmi_event_uses(vcpu, event, site, false);
    }
    const struct vmi_site *site = vmi_world.tables ? vmi_tables_find(vmi_world.tables, rip, VMI_TRAP_EXECUTE) : NULL;
    for (uint32_t i = 0; site && !only_accesses && vmi_world.epoch == epoch && i < vmi_world.tables->debug_count; i++) {
        if ((met & 1u << i) && vmi_world.tables->debug[i] == site) {
            at_site(vcpu, event, site);
            return;
        }
    }
}

static bool on_debug(struct vmi_vcpu *vcpu)
{
    const struct kvm_run *run = vcpu->run;
    if (run->debug.arch.exception == BREAKPOINT_EXCEPTION)
        return on_int3(vcpu);
    uint64_t met = run->debug.arch.dr6 & ((1u << vmi_world.tables->debug_count) - 1);
    bool was_step = vcpu->step.active, is_done = false;
    if (run->debug.arch.exception != DEBUG_EXCEPTION || !vmi_registers_at_exit(vcpu))
        return false;
    struct vmi_event event;
    vmi_event_begin(vcpu, &event);
    bool is_over = was_step && vmi_resume_step_is_over(vcpu, &is_done);
    /* A step of the guest's own, or its int1: QEMU hands it back to the guest. */
    if (!is_over && met == 0)
        return false;
    on_registers(vcpu, &event, met, is_over && !is_done);
    if (is_over && is_done)
        run_after(vcpu, &event, &vcpu->step.site);
    finish(vcpu, &event);
    return true;
}

/* A write to a page that the guest may read only: it is done here, and RIP is behind it. */
static bool on_page(struct vmi_vcpu *vcpu)
{
    const struct kvm_run *run = vcpu->run;
    uint64_t physical = run->mmio.phys_addr;
    uint32_t bytes = run->mmio.len, epoch = vmi_world.epoch;
    if (!run->mmio.is_write || bytes > sizeof run->mmio.data || !vmi_pages_has(physical))
        return false;
    uint8_t data[sizeof run->mmio.data];
    memcpy(data, run->mmio.data, sizeof data);
    bool has_registers = vmi_registers_at_exit(vcpu);
    vmi_physical_write(&vmi_world.map, physical, data, bytes);
    if (!has_registers)
        return true;
    struct vmi_event event;
    vmi_event_begin(vcpu, &event);
    for (const struct vmi_site *site = NULL; vmi_world.tables && vmi_world.epoch == epoch && (site = vmi_tables_next_page(vmi_world.tables, site));)
        if (vmi_site_watches(site, physical, bytes))
            vmi_event_uses(vcpu, &event, site, false);
    finish(vcpu, &event);
    return true;
}

/* KVM's emulator does not know every instruction, and QEMU would end the machine's run. The guest would get a #UD for it (arch/x86/kvm/x86.c,
 * handle_emulation_failure). */
static bool on_error(struct vmi_vcpu *vcpu)
{
    enum { INVALID_OPCODE = 6 };
    struct kvm_vcpu_events events;
    if (vcpu->run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION || !vmi_pages_are_in()
        || vmi_system_ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, (unsigned long)&events) != 0)
        return false;
    if (events.exception.nr == INVALID_OPCODE) {
        events.exception.injected = events.exception.pending = 0;
        if (vmi_system_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, (unsigned long)&events) != 0)
            return false;
    }
    vcpu->gives_pages_back = true;
    return true;
}

static bool is_ours(struct vmi_vcpu *vcpu)
{
    switch (vcpu->run->exit_reason) {
    case KVM_EXIT_IO: return vmi_world.tables->in_memory > 0 && on_port(vcpu);
    case KVM_EXIT_DEBUG: return on_debug(vcpu);
    case KVM_EXIT_MMIO: return vmi_world.tables->page_count > 0 && on_page(vcpu);
    case KVM_EXIT_INTERNAL_ERROR: return vmi_world.tables->page_count > 0 && on_error(vcpu);
    default: return false;
    }
}

/* Tells KVM of what is at work since the last time. */
static void update(struct vmi_vcpu *vcpu)
{
    const struct vmi_tables *tables = vmi_world.tables;
    bool is_new = vcpu->epoch == 0;
    vcpu->epoch = vmi_world.epoch;
    bool syncs = (vmi_world.abilities & VMI_CAN_SYNC) && tables && (tables->site_count > 0 || tables->has_resume);
    vmi_registers_sync(vcpu, syncs, syncs && vmi_world.needs_sregs);
    if (tables && is_new && vmi_traps_want_debug(tables))
        vmi_traps_debug(vcpu);   /* whoever made the tables did not know it */
}

/* QEMU lets the vCPU into the guest. */
static void on_resume(struct vmi_vcpu *vcpu)
{
    struct vmi_event event;
    if (!vmi_registers_load(vcpu))
        return;
    vmi_event_begin(vcpu, &event);
    for (uint32_t i = 0; i < vmi_world.tables->probe_count; i++)
        if (vmi_world.tables->probes[i].flags & VMI_PROBE_ON_RESUME)
            vmi_event_probe(vcpu, &event, &vmi_world.tables->probes[i]);
    finish(vcpu, &event);
}

/* Traps that are out of memory while nothing runs go back before the first vCPU does. Outside. */
static void put_back(struct vmi_vcpu *vcpu)
{
    if (!vmi_world_stop(VMI_STOP_MS))
        return;   /* once more, then: no vCPU runs without them */
    int error = vmi_traps_put_back();
    vmi_world_go();
    if (error)
        vmi_world_tell(vcpu, VMI_TELL_RESET);   /* another kernel has come into memory meanwhile */
}

/* The instruction is executed once more, and nothing is in its way. Outside. */
static void give_pages_back(struct vmi_vcpu *vcpu)
{
    if (!vmi_world_stop(VMI_STOP_MS))
        return;   /* once more, then: it fails again */
    vcpu->gives_pages_back = false;
    bool had = vmi_pages_take();
    vmi_world.pages_are_given_up |= had;
    vmi_world_go();
    if (had)
        vmi_world_tell(vcpu, VMI_TELL_PAGES);
}

/* To QEMU, as if a signal had come. Registers that were to be KVM's at the next run are, first. */
static int give_way(struct vmi_vcpu *vcpu)
{
    vmi_registers_settle(vcpu);
    return -EINTR;
}

/* What a signal has kept from being stepped is undone: QEMU may look at the machine, or save it. What led to an exit for QEMU is half done. */
static void pass_step(struct vmi_vcpu *vcpu, int result)
{
    if (result == -EINTR)
        vmi_resume_undo_step(vcpu);
    vcpu->step.is_with_qemu = vcpu->step.active;
}

/* One way into the guest and back. True where the vCPU is to go in once more; else `*result` is QEMU's. */
static bool run_once(struct vmi_vcpu *vcpu, unsigned long argument, bool comes_from_qemu, int *result)
{
    if (vcpu->epoch != vmi_world.epoch)
        update(vcpu);
    if (comes_from_qemu && vmi_world.tables && vmi_world.tables->has_resume)
        on_resume(vcpu);
    *result = vmi_system_ioctl(vcpu->fd, KVM_RUN, argument);
    vcpu->step.is_fresh = false;
    if (*result == 0 && vmi_world.tables && is_ours(vcpu))
        return true;
    vmi_registers_settle(vcpu);
    if (vcpu->step.active)
        pass_step(vcpu, *result);
    return false;
}

static int run(struct vmi_vcpu *vcpu, unsigned long argument)
{
    bool comes_from_qemu = true, goes_on;
    int result;
    do {
        if (vcpu->pause_until != 0 && !vmi_call_await_pause(vcpu))
            return give_way(vcpu);
        if (!vmi_vcpu_enter(vcpu, true))
            return give_way(vcpu);
        if (atomic_load_explicit(&vmi_world.is_lifted, memory_order_relaxed) && !atomic_load(&vmi_world.is_logged)) {
            vmi_vcpu_leave(vcpu);
            put_back(vcpu);
            goes_on = true;
            continue;
        }
        vcpu->step.is_with_qemu = false;
        goes_on = run_once(vcpu, argument, comes_from_qemu, &result);
        comes_from_qemu = false;
        vmi_vcpu_leave(vcpu);
        if (vcpu->gives_pages_back)
            give_pages_back(vcpu);
    } while (goes_on);
    return result;
}

int vmi_run(struct vmi_vcpu *vcpu, unsigned long argument)
{
    atomic_store_explicit(&vcpu->in_hook, 1, memory_order_relaxed);
    if (!atomic_load_explicit(&vcpu->seen, memory_order_relaxed) || atomic_load_explicit(&vcpu->thread, memory_order_relaxed) == 0)
        vmi_vcpu_come(vcpu);
    int result = run(vcpu, argument);
    atomic_store_explicit(&vcpu->in_hook, 0, memory_order_release);
    return result;
}
