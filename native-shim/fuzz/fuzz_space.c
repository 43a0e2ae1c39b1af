/* Page-table walks over random memory, in every paging mode: whatever stands in the tables, a walk ends, and nothing outside of the guest's RAM
 * is touched (the sanitizer sees that). The RAM has a hole, and pages that are not neighbours in the host's memory. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_driver.h"
#include "vmi_memory.h"

enum { PAGE = 4096, PAGES = 16, MOST_INPUT = 1200, LOOKS = 40 };

static struct vmi_map map;
static struct vmi_space space;
static uint8_t *parts[2];

/* Entries that mostly name a page of RAM, of all kinds; made of one number, as there are thousands. */
static void fill(struct vmi_fuzz_source *source)
{
    uint64_t state = vmi_fuzz_number(source, 8);
    uint32_t holes = 2 + vmi_fuzz_below(source, 20);
    for (uint32_t at = 0; at < PAGES * 512; at++) {
        uint64_t entry = (state += 0x9E3779B97F4A7C15ull) * 0xBF58476D1CE4E5B9ull;
        entry ^= entry >> 29;
        if (entry >> 40 & 15)
            entry = (entry & 0x80000000000000ffull) | (entry >> 44) % (PAGES + 1) << 12;
        entry = entry >> 8 & 31 ? entry : entry & ~0x80ull;
        entry = (entry >> 20) % holes == 0 ? entry & ~1ull : entry | 1;
        memcpy(parts[at / (PAGES / 2 * 512)] + at % (PAGES / 2 * 512) * 8, &entry, 8);
    }
}

static uint64_t some_address(struct vmi_fuzz_source *source)
{
    uint64_t address = vmi_fuzz_number(source, 8);
    switch (vmi_fuzz_below(source, 4)) {
    case 0: return address;
    case 1: return address & 0xffffffff;
    case 2: return address & 0x7fffffffffff;
    default: return address | 0xffff800000000000;
    }
}

static bool look(struct vmi_fuzz_source *source)
{
    uint8_t bytes[3 * PAGE];
    uint64_t address = some_address(source), root = vmi_fuzz_below(source, 2) ? 0 : vmi_fuzz_number(source, 8) & 0xffff;
    size_t size = vmi_fuzz_below(source, sizeof bytes);
    uint64_t physical = vmi_space_translate(&space, address, root);
    size_t read = vmi_space_read(&space, address, root, bytes, size);
    vmi_fuzz_require(read <= size, "more is read than was asked for");
    vmi_fuzz_require(physical == UINT64_MAX || (physical & (PAGE - 1)) == (address & (PAGE - 1)), "a translation moves within its page");
    vmi_fuzz_require(physical != UINT64_MAX || read == 0, "what is not mapped is read");
    if (vmi_fuzz_below(source, 4) == 0)
        vmi_fuzz_require(vmi_space_write(&space, address, root, bytes, size) <= size, "more is written than was asked for");
    if (vmi_fuzz_below(source, 8) == 0)
        read += vmi_physical_read(&map, address, bytes, size);
    return read > 0;
}

static bool run(const uint8_t *data, size_t size)
{
    struct vmi_fuzz_source source = { data, size };
    bool any = false;
    fill(&source);
    uint64_t cr0 = vmi_fuzz_below(&source, 8) ? 1ull << 31 : 0, cr4 = vmi_fuzz_number(&source, 2) & 0x1030, efer = vmi_fuzz_below(&source, 2) ? 1 << 10 : 0;
    vmi_space_enter(&space, &map, cr0, vmi_fuzz_number(&source, 2), cr4 | (efer ? 0x20 : 0), efer);
    for (int i = 0; i < LOOKS; i++)
        any |= look(&source);
    return any;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_map(void)
{
    if (parts[0])
        return;
    for (int part = 0; part < 2; part++)
        parts[part] = aligned_alloc(PAGE, PAGES / 2 * PAGE);
    const struct vmi_range ranges[] = {
        { 0, PAGES / 2 * PAGE, (uint64_t)(uintptr_t)parts[0] }, { (PAGES / 2 + 1) * PAGE, PAGES / 2 * PAGE, (uint64_t)(uintptr_t)parts[1] },
    };
    vmi_fuzz_require(parts[0] && parts[1] && vmi_map_set(&map, ranges, 2), "no memory");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    make_map();
    run(data, size);
    return 0;
}

#ifndef VMI_LIBFUZZER
int main(int count, char **arguments)
{
    make_map();
    int status = vmi_fuzz_drive(count, arguments, run, MOST_INPUT);
    free(parts[0]);
    free(parts[1]);
    return status;
}
#endif
