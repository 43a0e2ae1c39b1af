#include "vmi_traps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmi_pages.h"
#include "vmi_resume.h"
#include "vmi_slots.h"
#include "vmi_system.h"

/* Linux 5.15; older headers lack it. */
#define BLOCK_IRQ 0x00100000u

enum { INT3 = 0xcc };

/* ---- memory ---- */

static bool stands(uint64_t physical, const uint8_t *bytes, uint32_t count)
{
    uint8_t there[VMI_MAX_INSTRUCTION];
    return vmi_physical_read(&vmi_world.map, physical, there, count) == count && memcmp(there, bytes, count) == 0;
}

static void write_bytes(uint64_t physical, const uint8_t *bytes, uint32_t count)
{
    vmi_physical_write(&vmi_world.map, physical, bytes, count);
}

/* Instructions may lie on two pages that are not neighbours in physical memory; the bytes of a trap or a cave may not. */
static const char *problem_of_place(const struct vmi_site *site)
{
    uint8_t patch[2];
    if (!stands(site->physical, site->original, vmi_site_patch(site, patch)))
        return "other bytes stand there than were seen: the guest has changed them";
    if (site->cave != 0 && !stands(site->cave_physical, site->cave_original, site->cave_length))
        return "other bytes stand in its cave than were seen";
    return NULL;
}

static void put(const struct vmi_site *site)
{
    uint8_t patch[2];
    uint32_t bytes = vmi_site_patch(site, patch);
    if (site->cave != 0)
        write_bytes(site->cave_physical, site->copy, site->cave_length);
    write_bytes(site->physical, patch, bytes);
}

/* What the guest has written there meanwhile is its own. Where that is a breakpoint over a trap's first byte (kprobes, text_poke), the second is
 * still ours. */
static void take(const struct vmi_site *site)
{
    static const uint8_t breakpoint = INT3;
    uint8_t patch[2];
    uint32_t bytes = vmi_site_patch(site, patch);
    if (stands(site->physical, patch, bytes))
        write_bytes(site->physical, site->original, bytes);
    else if (bytes == 2 && stands(site->physical, &breakpoint, 1) && stands(site->physical + 1, &patch[1], 1))
        write_bytes(site->physical + 1, &site->original[1], 1);
    if (site->cave != 0 && stands(site->cave_physical, site->copy, site->cave_length))
        write_bytes(site->cave_physical, site->cave_original, site->cave_length);
}

/* Backwards: should two have met, the first one's bytes come back last. */
static void take_first(const struct vmi_tables *tables, uint32_t count)
{
    while (count-- > 0)
        if (vmi_site_is_in_memory(&tables->sites[count]))
            take(&tables->sites[count]);
}

static void take_all(const struct vmi_tables *tables)
{
    if (tables && vmi_world.is_placed)
        take_first(tables, tables->site_count);
    vmi_world.is_placed = false;
}

/* Every site, or none. */
static int put_all(const struct vmi_tables *tables, char *problem, size_t problem_size)
{
    for (uint32_t i = 0; tables && i < tables->site_count; i++) {
        const struct vmi_site *site = &tables->sites[i];
        const char *why = vmi_site_is_in_memory(site) ? problem_of_place(site) : NULL;
        if (why) {
            snprintf(problem, problem_size, "site %u: %s", site->id, why);
            take_first(tables, i);
            return -EILSEQ;
        }
        if (vmi_site_is_in_memory(site))
            put(site);
    }
    vmi_world.is_placed = tables && tables->in_memory > 0;
    return 0;
}

void vmi_traps_lift(void)
{
    if (!vmi_world.is_placed)
        return;
    take_all(vmi_world.tables);
    atomic_store(&vmi_world.is_lifted, 1);
}

int vmi_traps_put_back(void)
{
    char problem[128];
    if (!atomic_load(&vmi_world.is_lifted) || atomic_load(&vmi_world.is_logged))
        return 0;
    atomic_store(&vmi_world.is_lifted, 0);
    int error = put_all(vmi_world.tables, problem, sizeof problem);
    return error ? error : vmi_pages_become(vmi_world.tables, problem, sizeof problem);
}

/* Whether memory has to do with how a site is trapped. */
static bool needs_memory(const struct vmi_site *site)
{
    return vmi_site_is_in_memory(site) || site->trap == VMI_TRAP_PAGE;
}

bool vmi_traps_are_logged(const struct vmi_tables *tables)
{
    for (uint32_t i = 0; tables && i < tables->site_count; i++) {
        const struct vmi_site *site = &tables->sites[i];
        if (needs_memory(site)
            && (vmi_slots_is_logged(site->physical) || (site->cave != 0 && vmi_slots_is_logged(site->cave_physical))))
            return true;
    }
    return false;
}

bool vmi_traps_would_be_logged(const struct kvm_userspace_memory_region *region)
{
    const struct vmi_tables *tables = vmi_world.tables;
    for (uint32_t i = 0; tables && i < tables->site_count; i++) {
        const struct vmi_site *site = &tables->sites[i];
        if (needs_memory(site)
            && (vmi_slots_begins_log(region, site->physical) || (site->cave != 0 && vmi_slots_begins_log(region, site->cave_physical))))
            return true;
    }
    return false;
}

/* ---- debug registers ---- */

/* Intel SDM volume 3B, 18.2.4: bit 10 is always set. */
static void add_register(struct kvm_guest_debug *debug, uint32_t number, uint64_t address, uint64_t kind, uint64_t bytes)
{
    uint64_t length = bytes == 2 ? 1 : bytes == 8 ? 2 : bytes == 4 ? 3 : 0;
    debug->control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
    debug->arch.debugreg[number] = address;
    debug->arch.debugreg[7] |= 1 << 10 | 2ull << (number * 2) | (kind | length << 2) << (16 + number * 4);
}

static void add_sites(struct kvm_guest_debug *debug, const struct vmi_tables *tables)
{
    for (uint32_t i = 0; i < tables->debug_count; i++) {
        const struct vmi_site *site = tables->debug[i];
        if (site->trap == VMI_TRAP_EXECUTE)
            add_register(debug, i, site->address, 0, 1);
        else
            add_register(debug, i, site->address, site->trap == VMI_TRAP_WRITE ? 1 : 3, site->length);
    }
    if (tables->has_int3)
        debug->control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
}

int vmi_traps_debug(struct vmi_vcpu *vcpu)
{
    const struct vmi_tables *tables = vmi_world.tables;
    struct kvm_guest_debug debug = { .control = 0 };
    if (tables)
        add_sites(&debug, tables);
    if (vcpu->step.active) {
        uint32_t first = tables ? tables->debug_count : 0;
        for (uint32_t i = 0; i < vcpu->step.guard_count; i++)
            add_register(&debug, first + i, vcpu->step.guards[i], 0, 1);
        debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
        if (vmi_world.abilities & VMI_CAN_BLOCK_IRQ)
            debug.control |= BLOCK_IRQ;
    }
    return vmi_system_ioctl(vcpu->fd, KVM_SET_GUEST_DEBUG, (unsigned long)&debug);
}

bool vmi_traps_want_debug(const struct vmi_tables *tables)
{
    return tables && (tables->debug_count > 0 || tables->has_int3);
}

static int debug_all(void)
{
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++) {
        int error = vmi_traps_debug(vmi_vcpu_at(i));
        if (error)
            return error;
    }
    return 0;
}

/* ---- both ---- */

static bool undo_steps(void)
{
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        if (vmi_vcpu_at(i)->step.active && vmi_vcpu_at(i)->step.is_with_qemu)
            return false;
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        vmi_resume_undo_step(vmi_vcpu_at(i));
    return true;
}

static int exchange(const struct vmi_tables *before, const struct vmi_tables *next, char *problem, size_t problem_size)
{
    bool is_logged = vmi_traps_are_logged(next);
    take_all(before);
    int error = is_logged ? 0 : put_all(next, problem, problem_size);
    if (!error)
        error = vmi_pages_become(is_logged ? NULL : next, problem, problem_size);
    if (error) {
        take_all(next);
        return error;
    }
    vmi_world.tables = next;
    if (vmi_traps_want_debug(before) || vmi_traps_want_debug(next))
        error = debug_all();
    if (error && next) {
        snprintf(problem, problem_size, "KVM does not take the debug registers");
        take_all(next);
        return error;
    }
    atomic_store(&vmi_world.is_logged, is_logged);
    atomic_store(&vmi_world.is_lifted, is_logged && next && (next->in_memory > 0 || next->page_count > 0));
    return 0;
}

int vmi_traps_become(const struct vmi_tables *tables, char *problem, size_t problem_size)
{
    const struct vmi_tables *before = vmi_world.tables;
    bool was_placed = vmi_world.is_placed;
    if (!undo_steps()) {
        snprintf(problem, problem_size, "QEMU is at work on a trapped instruction");
        return -EBUSY;
    }
    int error = exchange(before, tables, problem, problem_size);
    if (!error) {
        vmi_world.epoch++;
        return 0;
    }
    char ignored[128];
    vmi_world.tables = before;
    if (was_placed)
        put_all(before, ignored, sizeof ignored);
    if (!atomic_load(&vmi_world.is_logged))
        vmi_pages_become(before, ignored, sizeof ignored);
    if (vmi_traps_want_debug(before) || vmi_traps_want_debug(tables))
        debug_all();
    return error;
}
