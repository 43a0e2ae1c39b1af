/* Page tables: Intel SDM volume 3A, chapter 4; AMD APM volume 2, chapter 5. */
#include "vmi_memory.h"

#include <string.h>

#define PAGING (1ull << 31)        /* CR0.PG */
#define PAE (1ull << 5)            /* CR4.PAE */
#define LA57 (1ull << 12)          /* CR4.LA57 */
#define LONG_MODE (1ull << 10)     /* EFER.LMA */
#define FRAME 0x000ffffffffff000ull
#define PRESENT 1ull
#define LARGE 0x80ull
#define UNMAPPED UINT64_MAX

enum { PAGE = 4096 };

void vmi_space_enter(struct vmi_space *space, const struct vmi_map *map, uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t efer)
{
    space->map = map;
    space->cr0 = cr0;
    space->cr3 = cr3;
    space->cr4 = cr4;
    space->efer = efer;
    vmi_space_forget(space);
}

void vmi_space_forget(struct vmi_space *space)
{
    if (++space->epoch != 0)
        return;
    /* After 2^32 of them, entries of the first ones would hold again. */
    memset(space->tlb, 0, sizeof space->tlb);
    space->epoch = 1;
}

static uint64_t read_entry(const struct vmi_map *map, uint64_t at, size_t size)
{
    uint64_t entry = 0;
    return vmi_physical_read(map, at, &entry, size) == size ? entry : 0;
}

/* Two levels of 1,024 entries, 4 MiB pages with PSE-36. */
static uint64_t walk_legacy(const struct vmi_map *map, uint64_t root, uint64_t address)
{
    uint64_t entry = read_entry(map, (root & 0xfffff000u) + (address >> 22) * 4, 4);
    if (!(entry & PRESENT))
        return UNMAPPED;
    if (entry & LARGE)
        return ((entry & 0xffc00000u) | ((entry & 0x001fe000u) << 19)) + (address & 0x3fffff);
    entry = read_entry(map, (entry & 0xfffff000u) + (address >> 12 & 1023) * 4, 4);
    return entry & PRESENT ? (entry & 0xfffff000u) + (address & (PAGE - 1)) : UNMAPPED;
}

/* Tables of 512 entries; `shift` is that of the top one. */
static uint64_t walk_wide(const struct vmi_map *map, uint64_t table, uint64_t address, int shift, int largest)
{
    for (;; shift -= 9) {
        uint64_t entry = read_entry(map, table + (address >> shift & 511) * 8, 8);
        if (!(entry & PRESENT))
            return UNMAPPED;
        if (shift == 12 || ((entry & LARGE) && shift <= largest)) {
            uint64_t inside = (1ull << shift) - 1;
            return (entry & FRAME & ~inside) + (address & inside);
        }
        table = entry & FRAME;
    }
}

static uint64_t walk(const struct vmi_space *space, uint64_t address, uint64_t root)
{
    if (!(space->cr0 & PAGING))
        return address <= UINT32_MAX ? address : UNMAPPED;
    if (space->efer & LONG_MODE) {
        int bits = space->cr4 & LA57 ? 57 : 48;
        if ((uint64_t)((int64_t)(address << (64 - bits)) >> (64 - bits)) != address)
            return UNMAPPED;
        return walk_wide(space->map, root & FRAME, address, bits - 9, 30);
    }
    if (address > UINT32_MAX)
        return UNMAPPED;
    if (space->cr4 & PAE)
        return walk_wide(space->map, root & 0xffffffe0u, address, 30, 21);
    return walk_legacy(space->map, root, address);
}

/* The frame of a page that begins at `page`, remembered. */
static uint64_t frame_of(struct vmi_space *space, uint64_t page, uint64_t root)
{
    struct vmi_tlb_entry *entry = &space->tlb[(page >> 12 ^ root >> 12) % VMI_TLB_ENTRIES];
    if (entry->epoch == space->epoch && entry->page == page && entry->root == root)
        return entry->frame;
    *entry = (struct vmi_tlb_entry){ page, root, walk(space, page, root), space->epoch };
    return entry->frame;
}

uint64_t vmi_space_translate(struct vmi_space *space, uint64_t address, uint64_t root)
{
    uint64_t inside = address & (PAGE - 1);
    uint64_t frame = frame_of(space, address - inside, root ? root : space->cr3);
    return frame == UNMAPPED ? UNMAPPED : frame + inside;
}

static size_t copy(struct vmi_space *space, uint64_t address, uint64_t root, void *buffer, size_t size, bool out)
{
    size_t done = 0;
    while (done < size) {
        uint64_t physical = vmi_space_translate(space, address + done, root);
        size_t inside = PAGE - ((address + done) & (PAGE - 1)), part = size - done < inside ? size - done : inside;
        if (physical == UNMAPPED)
            break;
        uint8_t *local = (uint8_t *)buffer + done;
        size_t copied = out ? vmi_physical_write(space->map, physical, local, part) : vmi_physical_read(space->map, physical, local, part);
        done += copied;
        /* No run of bytes goes on from the top of the address space to its bottom. */
        if (copied < part || address + done < address)
            break;
    }
    return done;
}

size_t vmi_space_read(struct vmi_space *space, uint64_t address, uint64_t root, void *buffer, size_t size)
{
    return copy(space, address, root, buffer, size, false);
}

size_t vmi_space_write(struct vmi_space *space, uint64_t address, uint64_t root, const void *bytes, size_t size)
{
    size_t done = copy(space, address, root, (void *)(uintptr_t)bytes, size, true);
    vmi_space_forget(space);   /* it may have been a page table */
    return done;
}
