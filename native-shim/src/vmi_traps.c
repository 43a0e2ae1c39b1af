#include "vmi_traps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmi_registers.h"
#include "vmi_retry.h"
#include "vmi_system.h"

/* Linux 5.15; older headers lack it. */
#define BLOCK_IRQ 0x00100000u

static bool reach(uint64_t physical, uint32_t bytes, uint8_t **host)
{
    uint64_t left;
    *host = vmi_map_find(&vmi_world.map, physical, &left);
    return *host && left >= bytes && !vmi_world.map.is_stale;
}

/* Writes `to` where `from` stands, byte by byte: what somebody else has changed meanwhile is not ours any more. False where that is so. */
static bool exchange(uint64_t physical, const uint8_t *from, const uint8_t *to, uint32_t bytes)
{
    uint8_t *host;
    bool whole = true;
    if (!reach(physical, bytes, &host))
        return false;
    for (uint32_t i = 0; i < bytes; i++) {
        if (host[i] == from[i])
            host[i] = to[i];
        else
            whole = false;
    }
    return whole;
}

/* Instructions may lie on two pages that are not neighbours in physical memory; a trap's bytes may not. */
static const char *problem_of_place(const struct vmi_site *site)
{
    uint8_t patch[2], *host;
    if (!reach(site->physical, vmi_site_patch(site, patch), &host))
        return "its address is no RAM";
    if (memcmp(host, site->original, vmi_site_patch(site, patch)) != 0)
        return "other bytes stand there than were seen: the guest has changed them";
    if (site->cave == 0)
        return NULL;
    if (!reach(site->cave_physical, site->cave_length, &host))
        return "its cave is no RAM";
    return memcmp(host, site->cave_original, site->cave_length) == 0 ? NULL : "other bytes stand in its cave than were seen";
}

static void put(const struct vmi_site *site)
{
    uint8_t patch[2];
    uint32_t bytes = vmi_site_patch(site, patch);
    if (site->cave != 0)
        exchange(site->cave_physical, site->cave_original, site->copy, site->cave_length);
    exchange(site->physical, site->original, patch, bytes);
}

static void take(const struct vmi_site *site)
{
    uint8_t patch[2];
    uint32_t bytes = vmi_site_patch(site, patch);
    exchange(site->physical, patch, site->original, bytes);
    if (site->cave != 0)
        exchange(site->cave_physical, site->copy, site->cave_original, site->cave_length);
}

/* Puts in what `tables` wants in memory: every site, or none. */
static int put_all(const struct vmi_tables *tables, char *problem, size_t problem_size)
{
    for (uint32_t i = 0; tables && i < tables->site_count; i++) {
        const struct vmi_site *site = &tables->sites[i];
        const char *why = vmi_site_is_in_memory(site) ? problem_of_place(site) : NULL;
        if (why) {
            snprintf(problem, problem_size, "site %u: %s", site->id, why);
            while (i-- > 0)
                if (vmi_site_is_in_memory(&tables->sites[i]))
                    take(&tables->sites[i]);
            return -EILSEQ;
        }
        if (vmi_site_is_in_memory(site))
            put(site);
    }
    return 0;
}

static void take_all(const struct vmi_tables *tables)
{
    /* Backwards: should two have met, the first one's bytes come back last. */
    for (uint32_t i = tables ? tables->site_count : 0; i-- > 0;)
        if (vmi_site_is_in_memory(&tables->sites[i]))
            take(&tables->sites[i]);
}

void vmi_traps_lift(void)
{
    take_all(vmi_world.tables);
    atomic_store(&vmi_world.is_lifted, 1);
}

int vmi_traps_replace(void)
{
    char problem[128];
    int error = put_all(vmi_world.tables, problem, sizeof problem);
    atomic_store(&vmi_world.is_lifted, 0);
    return error;
}

bool vmi_traps_touch(uint64_t physical, uint64_t bytes)
{
    const struct vmi_tables *tables = vmi_world.tables;
    for (uint32_t i = 0; tables && i < tables->site_count; i++) {
        const struct vmi_site *site = &tables->sites[i];
        if (vmi_site_is_in_memory(site)
            && (site->physical - physical < bytes || (site->cave != 0 && site->cave_physical - physical < bytes)))
            return true;
    }
    return false;
}

static uint64_t debug_control(const struct vmi_tables *tables)
{
    uint64_t control = 1 << 10;   /* always set; Intel SDM volume 3B, 18.2.4 */
    for (uint32_t i = 0; i < tables->debug_count; i++) {
        const struct vmi_site *site = tables->debug[i];
        uint64_t kind = site->trap == VMI_TRAP_EXECUTE ? 0 : site->trap == VMI_TRAP_WRITE ? 1 : 3;
        uint64_t length = kind == 0 || site->length == 1 ? 0 : site->length == 2 ? 1 : site->length == 8 ? 2 : 3;
        control |= 2ull << (i * 2) | (kind | length << 2) << (16 + i * 4);
    }
    return control;
}

int vmi_traps_debug(struct vmi_vcpu *vcpu, bool step)
{
    const struct vmi_tables *tables = vmi_world.tables;
    struct kvm_guest_debug debug = { .control = 0 };
    if (tables && tables->debug_count > 0) {
        debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
        for (uint32_t i = 0; i < tables->debug_count; i++)
            debug.arch.debugreg[i] = tables->debug[i]->address;
        debug.arch.debugreg[7] = debug_control(tables);
    }
    if (tables && tables->has_int3)
        debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
    if (step) {
        debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
        if (vmi_world.abilities & VMI_CAN_BLOCK_IRQ)
            debug.control |= BLOCK_IRQ;
    }
    return vmi_system_ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, (unsigned long)&debug);
}

/* A vCPU that is about to execute a site's copy goes back before the site; its event has been dealt with. */
static void undo_step(struct vmi_vcpu *vcpu)
{
    vcpu->step.active = false;
    if (!vmi_registers_load(vcpu) || vcpu->regs->rip != vcpu->step.site.cave || vcpu->step.site.cave == 0)
        return;
    vcpu->regs->rip = vcpu->step.site.address;
    vmi_retry_expect(vcpu);
    vmi_registers_store(vcpu);
}

static int debug_all(void)
{
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++) {
        struct vmi_vcpu *vcpu = vmi_vcpu_at(i);
        int error = vmi_traps_debug(vcpu, vcpu->step.active);
        if (error)
            return error;
    }
    return 0;
}

static bool wants_debug(const struct vmi_tables *tables)
{
    return tables && (tables->debug_count > 0 || tables->has_int3);
}

int vmi_traps_become(const struct vmi_tables *tables, char *problem, size_t problem_size)
{
    const struct vmi_tables *before = vmi_world.tables;
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        if (vmi_vcpu_at(i)->step.active)
            undo_step(vmi_vcpu_at(i));
    if (!atomic_load(&vmi_world.is_lifted))
        take_all(before);
    int error = vmi_world.is_logged ? 0 : put_all(tables, problem, problem_size);
    bool was_debugged = wants_debug(before);
    vmi_world.tables = tables;
    if (!error && (was_debugged || wants_debug(tables))) {
        error = debug_all();
        if (error) {
            snprintf(problem, problem_size, "KVM does not take the debug registers");
            take_all(tables);
        }
    }
    if (error) {
        char ignored[128];
        vmi_world.tables = before;
        if (!atomic_load(&vmi_world.is_lifted))
            put_all(before, ignored, sizeof ignored);
        if (was_debugged)
            debug_all();
        return error;
    }
    atomic_store(&vmi_world.is_lifted, vmi_world.is_logged && tables && tables->in_memory > 0);
    vmi_world.epoch++;
    return 0;
}
