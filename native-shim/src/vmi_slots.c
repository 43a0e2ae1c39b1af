#include "vmi_slots.h"

/* More than KVM gives an x86 machine for RAM (KVM_USER_MEM_SLOTS is 32,764 since Linux 5.13); QEMU counts from 0 up. */
enum { MAX_SLOTS = 32768 };

struct slot {
    struct vmi_range range;
    bool is_logged;
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
    *slot = (struct slot){ .range = next, .is_logged = next.bytes != 0 && (region->flags & KVM_MEM_LOG_DIRTY_PAGES) };
    if (next.bytes != 0)
        vmi_map_change(map, next);
}

bool vmi_slots_is_logged(uint64_t physical)
{
    for (uint32_t i = 0; i < count; i++)
        if (slots[i].is_logged && physical - slots[i].range.physical < slots[i].range.bytes)
            return true;
    return false;
}

bool vmi_slots_begins_log(const struct kvm_userspace_memory_region *region, uint64_t physical)
{
    return (region->flags & KVM_MEM_LOG_DIRTY_PAGES) && physical - region->guest_phys_addr < region->memory_size;
}
