#include "vmi_pages.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

#include "vmi_slots.h"
#include "vmi_system.h"
#include "vmi_world.h"

enum { PAGE = 4096, MAX_PAGES = 64, MAX_PIECES = 2 * MAX_PAGES + 1 };

/* Read-only now, ascending. */
static uint64_t pages[MAX_PAGES];
static uint32_t page_count;

/* The slots that they were cut out of, and the numbers of the pieces beside the first one, which has its slot's. */
static struct kvm_userspace_memory_region wholes[MAX_PAGES];
static uint32_t whole_count;
static uint32_t pieces[MAX_PIECES];
static uint32_t piece_count;

static int set(struct kvm_userspace_memory_region region)
{
    return vmi_system_ioctl(atomic_load(&vmi_world.vm), KVM_SET_USER_MEMORY_REGION, (unsigned long)&region);
}

static int set_none(uint32_t slot)
{
    return set((struct kvm_userspace_memory_region){ .slot = slot });
}

static int capability(unsigned long number)
{
    return vmi_system_ioctl(atomic_load(&vmi_world.vm), KVM_CHECK_EXTENSION, number);
}

bool vmi_pages_are_in(void)
{
    return page_count > 0;
}

bool vmi_pages_has(uint64_t physical)
{
    for (uint32_t i = 0; i < page_count; i++)
        if (pages[i] == physical / PAGE * PAGE)
            return true;
    return false;
}

bool vmi_pages_take(void)
{
    bool had = page_count > 0;
    for (uint32_t i = 0; i < piece_count; i++)
        set_none(pieces[i]);
    for (uint32_t i = 0; i < whole_count; i++) {
        set_none(wholes[i].slot);
        set(wholes[i]);
    }
    piece_count = whole_count = page_count = 0;
    return had;
}

/* KVM gives numbers from 0 up, and QEMU takes them from there. */
static int add_piece(const struct kvm_userspace_memory_region *whole, uint64_t physical, uint64_t end, bool is_first, uint32_t flags)
{
    if (physical == end)
        return 0;
    struct kvm_userspace_memory_region piece = {
        .slot = is_first ? whole->slot : (uint32_t)capability(KVM_CAP_NR_MEMSLOTS) - 1 - piece_count,
        .flags = whole->flags | flags, .guest_phys_addr = physical, .memory_size = end - physical,
        .userspace_addr = whole->userspace_addr + (physical - whole->guest_phys_addr),
    };
    if (!is_first)
        pieces[piece_count++] = piece.slot;
    return set(piece);
}

/* Cuts a slot at the wanted pages that are in it, of which the first is `wanted[0]`. How many these are, or a negative errno. */
static int cut(const struct kvm_userspace_memory_region *whole, const uint64_t *wanted, uint32_t count)
{
    uint64_t at = whole->guest_phys_addr, end = at + whole->memory_size;
    uint32_t done = 0;
    int error = set_none(whole->slot);
    wholes[whole_count++] = *whole;
    for (; !error && done < count && wanted[done] < end; done++) {
        error = add_piece(whole, at, wanted[done], at == whole->guest_phys_addr, 0);
        if (!error)
            error = add_piece(whole, wanted[done], wanted[done] + PAGE, wanted[done] == whole->guest_phys_addr, KVM_MEM_READONLY);
        at = wanted[done] + PAGE;
    }
    if (!error)
        error = add_piece(whole, at, end, false, 0);
    return error ? error : (int)done;
}

/* The pages of the sites, ascending, each once. Too many of them are more than `MAX_PAGES`. */
static uint32_t list(const struct vmi_tables *tables, uint64_t wanted[MAX_PAGES])
{
    uint32_t count = 0;
    for (const struct vmi_site *site = NULL; tables && (site = vmi_tables_next_page(tables, site));) {
        uint64_t page = site->physical / PAGE * PAGE;
        uint32_t at = 0;
        while (at < count && wanted[at] < page)
            at++;
        if (at < count && wanted[at] == page)
            continue;
        if (count == MAX_PAGES)
            return MAX_PAGES + 1;
        for (uint32_t i = count++; i > at; i--)
            wanted[i] = wanted[i - 1];
        wanted[at] = page;
    }
    return count;
}

static int fail(int error, const char *why, char *problem, size_t problem_size)
{
    vmi_pages_take();
    snprintf(problem, problem_size, "%s", why);
    return error;
}

int vmi_pages_become(const struct vmi_tables *tables, char *problem, size_t problem_size)
{
    uint64_t wanted[MAX_PAGES];
    uint32_t count = list(vmi_world.pages_are_given_up ? NULL : tables, wanted);
    if (count == page_count && memcmp(wanted, pages, count * sizeof *pages) == 0)
        return 0;
    vmi_pages_take();
    if (count > MAX_PAGES)
        return fail(-E2BIG, "more pages are to be watched than the shim takes", problem, problem_size);
    if (count > 0 && capability(KVM_CAP_READONLY_MEM) <= 0)
        return fail(-ENOTSUP, "this KVM has no read-only memory", problem, problem_size);
    for (uint32_t done = 0; done < count;) {
        struct kvm_userspace_memory_region whole;
        if (!vmi_slots_find(atomic_load(&vmi_world.vm), &vmi_world.map, wanted[done], &whole))
            return fail(-ENXIO, "the memory slot around a page is not known", problem, problem_size);
        int cuts = cut(&whole, wanted + done, count - done);
        if (cuts < 0)
            return fail(cuts, "KVM does not cut the memory slot around a page", problem, problem_size);
        done += (uint32_t)cuts;
    }
    memcpy(pages, wanted, count * sizeof *pages);
    page_count = count;
    return 0;
}
