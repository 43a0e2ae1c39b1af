#include "vmi_slots.h"

#include <errno.h>
#include <string.h>

#include "vmi_system.h"

/* More than KVM gives an x86 machine for RAM (KVM_USER_MEM_SLOTS is 32,764 since Linux 5.13); QEMU counts from 0 up. */
enum { MAX_SLOTS = 32768 };

struct slot {
    struct vmi_range range;
    uint32_t flags;
};

static struct slot slots[MAX_SLOTS];
static uint32_t count;   /* behind the highest one that was seen */

void vmi_slots_set(struct vmi_map *map, const struct kvm_userspace_memory_region *region)
{
    uint32_t number = region->slot & 0xffff;
    if (number >= MAX_SLOTS)
        return;
    struct slot *slot = &slots[number];
    struct vmi_range next = { region->guest_phys_addr, region->memory_size, region->userspace_addr };
    if (number >= count)
        count = number + 1;
    if (slot->range.bytes != 0)
        vmi_map_change(map, (struct vmi_range){ slot->range.physical, slot->range.bytes, 0 });
    else if (next.bytes == 0)
        map->is_stale = true;
    *slot = (struct slot){ .range = next, .flags = next.bytes != 0 ? region->flags : 0 };
    if (next.bytes != 0)
        vmi_map_change(map, next);
}

void vmi_slots_forget(void)
{
    memset(slots, 0, count * sizeof slots[0]);
    count = 0;
}

/* The slot around an address, of those that are known, or NULL. */
static const struct slot *slot_of(uint64_t physical)
{
    for (uint32_t i = 0; i < count; i++)
        if (physical - slots[i].range.physical < slots[i].range.bytes)
            return &slots[i];
    return NULL;
}

bool vmi_slots_is_logged(uint64_t physical)
{
    const struct slot *slot = slot_of(physical);
    return slot && (slot->flags & KVM_MEM_LOG_DIRTY_PAGES);
}

bool vmi_slots_begins_log(const struct kvm_userspace_memory_region *region, uint64_t physical)
{
    return (region->flags & KVM_MEM_LOG_DIRTY_PAGES) && physical - region->guest_phys_addr < region->memory_size;
}

/* ---- slots that were never seen ---- */

enum { MAX_ASKED = 1024 };

static int ask(int vm, uint32_t slot, struct vmi_range range, uint64_t at, uint32_t flags)
{
    struct kvm_userspace_memory_region region = { .slot = slot, .flags = flags, .guest_phys_addr = at, .memory_size = range.bytes, .userspace_addr = range.host };
    return vmi_system_ioctl(vm, KVM_SET_USER_MEMORY_REGION, (unsigned long)&region);
}

static const struct vmi_range *range_of(const struct vmi_map *map, uint64_t physical)
{
    for (uint32_t i = 0; i < map->count; i++)
        if (physical - map->ranges[i].physical < map->ranges[i].bytes)
            return &map->ranges[i];
    return NULL;
}

/* Another piece of RAM in which there is a slot for certain: to make one there is refused as that one is in the way. */
static const struct vmi_range *find_occupied(int vm, const struct vmi_map *map, const struct vmi_range *but)
{
    uint32_t unused = (uint32_t)vmi_system_ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS) - 1;
    for (uint32_t i = 0; i < map->count; i++) {
        const struct vmi_range *range = &map->ranges[i];
        if (range == but)
            continue;
        int error = ask(vm, unused, *range, range->physical, KVM_MEM_READONLY);
        if (error == -EEXIST)
            return range;
        if (error == 0)
            ask(vm, unused, (struct vmi_range){ 0 }, 0, 0);   /* nothing was there: so there is nothing again */
    }
    return NULL;
}

/* Linux, __kvm_set_memory_region: a slot whose size, host address or read-only flag would change is refused with EINVAL, and one that is made anew or
 * moved to where another one is with EEXIST. So one that is there (EINVAL for read-only), and has that size and host address (EEXIST for a move), is it. */
static bool is_slot(int vm, uint32_t slot, const struct vmi_range *range, const struct vmi_range *occupied)
{
    return ask(vm, slot, *range, range->physical, KVM_MEM_READONLY) == -EINVAL && ask(vm, slot, *range, occupied->physical, 0) == -EEXIST;
}

static bool find_unseen(int vm, const struct vmi_map *map, uint64_t physical)
{
    const struct vmi_range *range = range_of(map, physical), *occupied = range && !map->is_stale ? find_occupied(vm, map, range) : NULL;
    for (uint32_t number = 0; occupied && number < MAX_ASKED; number++) {
        if (is_slot(vm, number, range, occupied)) {
            slots[number] = (struct slot){ .range = *range };
            if (number >= count)
                count = number + 1;
            return true;
        }
    }
    return false;
}

bool vmi_slots_find(int vm, const struct vmi_map *map, uint64_t physical, struct kvm_userspace_memory_region *region)
{
    const struct slot *slot = slot_of(physical);
    if (!slot && find_unseen(vm, map, physical))
        slot = slot_of(physical);
    if (!slot || slot->flags != 0)
        return false;
    *region = (struct kvm_userspace_memory_region){
        .slot = (uint32_t)(slot - slots), .guest_phys_addr = slot->range.physical, .memory_size = slot->range.bytes, .userspace_addr = slot->range.host,
    };
    return true;
}
