/* The slots of guest memory as QEMU sets them (Documentation/virt/kvm/api.rst, KVM_SET_USER_MEMORY_REGION): where RAM lies, and whether
 * what is written to it is logged. QEMU's threads, under vmi_world_lock. */
#ifndef VMI_SLOTS_H
#define VMI_SLOTS_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmi_memory.h"

/* QEMU has set a slot: the map follows. A slot that was never seen and is taken away leaves the map stale. */
void vmi_slots_set(struct vmi_map *map, const struct kvm_userspace_memory_region *region);

/* None is known any more. */
void vmi_slots_forget(void);

/* The slot around a page of RAM that is neither read-only nor logged. One that was set before the shim came is found by asking KVM for what it refuses,
 * which changes nothing. The world is stopped. False where it cannot be told. */
bool vmi_slots_find(int vm, const struct vmi_map *map, uint64_t physical, struct kvm_userspace_memory_region *region);

/* Whether writes to a page of physical memory are logged. The video card's are all the time; RAM's are while it is being sent
 * elsewhere: a migration, a snapshot of a machine that runs on. */
bool vmi_slots_is_logged(uint64_t physical);

/* The same, as it would be behind vmi_slots_set. */
bool vmi_slots_begins_log(const struct kvm_userspace_memory_region *region, uint64_t physical);

#endif
