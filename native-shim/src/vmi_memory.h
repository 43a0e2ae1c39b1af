/* The guest's physical memory as it lies in QEMU, and virtual memory through the page tables in it. Addresses and roots are the guest's
 * and mean nothing until they are looked up here: nothing that a guest says reaches memory that is not its own. */
#ifndef VMI_MEMORY_H
#define VMI_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmi_shim.h"

/* Where RAM lies: ascending, without overlaps. Changed only while no vCPU reads it. */
struct vmi_map {
    struct vmi_range ranges[VMI_MAX_RANGES];
    uint32_t count;
    /* Something was taken away, and it is not known what: memory is then read by a system call that survives that. */
    bool is_stale;
};

/* Replaces the map. False, with nothing changed, where ranges are not in order, wrap or are not whole pages. */
bool vmi_map_set(struct vmi_map *map, const struct vmi_range *ranges, uint32_t count);

/* Puts a range in, over what was known there; or takes out what is known there (host 0). Ranges that do not fit any more are forgotten. */
void vmi_map_change(struct vmi_map *map, struct vmi_range range);

/* The host's address of a physical one, with the bytes that follow it in the same range; NULL for none. */
uint8_t *vmi_map_find(const struct vmi_map *map, uint64_t physical, uint64_t *left);

/* Bytes read or written before the first one that is not RAM. */
size_t vmi_physical_read(const struct vmi_map *map, uint64_t physical, void *buffer, size_t size);
size_t vmi_physical_write(const struct vmi_map *map, uint64_t physical, const void *bytes, size_t size);

enum { VMI_TLB_ENTRIES = 128 };

struct vmi_tlb_entry { uint64_t page, root, frame; uint32_t epoch; };

/* A vCPU's address spaces at one event. Translations that were looked up hold until vmi_space_enter, and so never longer than the
 * event: what the guest changes in its tables afterwards is seen. */
struct vmi_space {
    const struct vmi_map *map;
    uint64_t cr0, cr3, cr4, efer;
    uint32_t epoch;
    struct vmi_tlb_entry tlb[VMI_TLB_ENTRIES];
};

void vmi_space_enter(struct vmi_space *space, const struct vmi_map *map, uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t efer);

/* Translations are to be looked up anew: memory was written, perhaps a page table's. */
void vmi_space_forget(struct vmi_space *space);

/* The physical address, through that CR3 value or, for 0, the vCPU's own; UINT64_MAX where it is not mapped. */
uint64_t vmi_space_translate(struct vmi_space *space, uint64_t address, uint64_t root);

/* Bytes read or written before the first one that is not mapped to RAM. The tables' write permission is not looked at. */
size_t vmi_space_read(struct vmi_space *space, uint64_t address, uint64_t root, void *buffer, size_t size);
size_t vmi_space_write(struct vmi_space *space, uint64_t address, uint64_t root, const void *bytes, size_t size);

#endif
