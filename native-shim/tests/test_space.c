/* The guest's memory: ranges that come and go, and page tables of every kind in them. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vmi_check.h"
#include "vmi_memory.h"

enum { PAGE = 4096, RAM_PAGES = 512, MODEL_PAGES = 64, CHANGES = 20000 };

#define RAM_BYTES ((uint64_t)RAM_PAGES * PAGE)
#define HIGH 0x100000000ull        /* the second half of the RAM lies above 4 GiB */
#define CR0_PG (1ull << 31)
#define CR4_PAE (1ull << 5)
#define CR4_LA57 (1ull << 12)
#define LMA (1ull << 10)
#define UNMAPPED UINT64_MAX

static struct vmi_map map;
static struct vmi_space space;
static uint8_t *ram;
static uint64_t next_table;

static uint64_t host_of(uint64_t offset)
{
    return (uint64_t)(uintptr_t)ram + offset;
}

static void make_ram(void)
{
    const struct vmi_range ranges[] = { { 0, RAM_BYTES / 2, host_of(0) }, { HIGH, RAM_BYTES / 2, host_of(RAM_BYTES / 2) } };
    memset(ram, 0, RAM_BYTES);
    expect(vmi_map_set(&map, ranges, 2), "two ranges are refused");
    next_table = PAGE;
}

static uint64_t new_table(void)
{
    next_table += PAGE;
    return next_table - PAGE;
}

static uint64_t get(uint64_t at, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, ram + at, size);
    return value;
}

/* Maps a page of 2^leaf bytes; `top` is the shift of the first table's index. Tables lie in the low range, where physical addresses are offsets. */
static void map_wide(uint64_t table, uint64_t address, uint64_t physical, int top, int leaf)
{
    for (int shift = top; shift > leaf; shift -= 9) {
        uint64_t at = table + (address >> shift & 511) * 8, entry = get(at, 8);
        if (!(entry & 1)) {
            entry = new_table() | 7;
            memcpy(ram + at, &entry, 8);
        }
        table = entry & 0xffffffffff000ull;
    }
    uint64_t entry = physical | 0x8000000000000003ull | (leaf > 12 ? 0x80 : 0);
    memcpy(ram + table + (address >> leaf & 511) * 8, &entry, 8);
}

static void enter(uint64_t root, uint64_t cr4, uint64_t efer)
{
    vmi_space_enter(&space, &map, CR0_PG | 1, root, cr4, efer);
}

static uint64_t sign(uint64_t address, int bits)
{
    return (uint64_t)((int64_t)(address << (64 - bits)) >> (64 - bits));
}

static void long_mode_maps(int bits)
{
    uint64_t seed = (uint64_t)bits, root = (make_ram(), new_table()), cr4 = CR4_PAE | (bits == 57 ? CR4_LA57 : 0), addresses[40], frames[40];
    for (int i = 0; i < 40; i++) {
        int leaf = i % 3 == 0 ? 12 : i % 3 == 1 ? 21 : 30;
        /* Each in a region of its own of the top table, so that a large page hides no other. */
        addresses[i] = sign((uint64_t)i * 11 << (bits - 9) | (next_random(&seed) & ((1ull << (bits - 9)) - 1)), bits);
        frames[i] = (next_random(&seed) & 0xffffffffff000ull) >> leaf << leaf;
        map_wide(root, addresses[i], frames[i], bits - 9, leaf);
        frames[i] |= addresses[i] & ((1ull << leaf) - 1);
    }
    enter(root | 0x8000000000000fffull, cr4, LMA);   /* as CR3 holds it: with a PCID, and the bit that keeps its translations */
    for (int i = 0; i < 40; i++)
        expect_equal(frames[i], vmi_space_translate(&space, addresses[i], 0), "a page of long mode");
    enter(0, cr4, LMA);
    expect_equal(frames[3], vmi_space_translate(&space, addresses[3], root), "a root that is named counts for itself");
    expect_equal(UNMAPPED, vmi_space_translate(&space, addresses[3], 0), "an empty root maps something");
    expect_equal(UNMAPPED, vmi_space_translate(&space, addresses[3] ^ 1ull << 63, root), "an address that is not canonical");
    expect_equal(UNMAPPED, vmi_space_translate(&space, addresses[3] ^ 1ull << (bits - 10), root), "an address that is not mapped");
}

static void pae_maps(void)
{
    make_ram();
    uint64_t root = new_table() + 0x1e0;             /* a table of four entries, aligned to 32 bytes */
    map_wide(root, 0xc0123000, 0x123456789000, 30, 12);
    map_wide(root, 0x40200000, 0x7fff00000000 >> 21 << 21, 30, 21);
    enter(root | 0x1f, CR4_PAE, 0);
    expect_equal(0x123456789abc, vmi_space_translate(&space, 0xc0123abc, 0), "a page of PAE");
    expect_equal(0x7fff00000000 + 0x1fffff, vmi_space_translate(&space, 0x403fffff, 0), "a large page of PAE");
    expect_equal(UNMAPPED, vmi_space_translate(&space, 0x1c0123abc, 0), "an address beyond 32 bits");
}

static void legacy_maps(void)
{
    make_ram();
    uint32_t root = (uint32_t)new_table(), table = (uint32_t)new_table();
    uint32_t directory = table | 3, large = 0x00c00083 | 0x12 << 13, page = 0x00345003;
    memcpy(ram + root + 0x300 * 4, &directory, 4);
    memcpy(ram + root + 0x301 * 4, &large, 4);
    memcpy(ram + table + 0x155 * 4, &page, 4);
    enter(root | 0xfff, 1 << 4, 0);
    expect_equal(0x345678, vmi_space_translate(&space, 0xc0155678, 0), "a page of 32-bit paging");
    expect_equal(0x1200c00000 + 0x3fffff, vmi_space_translate(&space, 0xc07fffff, 0), "a large page with 36 bits");
    expect_equal(UNMAPPED, vmi_space_translate(&space, 0xc0156678, 0), "an entry that is 0");
    expect_equal(UNMAPPED, vmi_space_translate(&space, 0x1c0155678, 0), "an address beyond 32 bits");
    vmi_space_enter(&space, &map, 1, root, 0, 0);
    expect_equal(0xfedcba98, vmi_space_translate(&space, 0xfedcba98, 0), "without paging addresses are physical");
    expect_equal(UNMAPPED, vmi_space_translate(&space, 0x1fedcba98, 0), "without paging there are 32 bits");
}

/* Every walk ends, and where: tables that name themselves, tables outside of RAM. */
static void loops_and_garbage_end(void)
{
    make_ram();
    uint64_t root = new_table(), self = root | 3, nowhere = 0xdeadbeef000 | 3;
    for (int i = 0; i < 512; i++)
        memcpy(ram + root + i * 8, &self, 8);
    for (int wide = 0; wide < 2; wide++) {
        enter(root, CR4_PAE | (wide ? CR4_LA57 : 0), LMA);
        expect_equal(root + 0x123, vmi_space_translate(&space, 0x7ffffffff123, 0), "a table that names itself");
    }
    memcpy(ram + root, &nowhere, 8);
    enter(root, CR4_PAE, LMA);
    expect_equal(UNMAPPED, vmi_space_translate(&space, 0x1000, 0), "a table outside of RAM");
    enter(0xffffffffff000, CR4_PAE, LMA);
    expect_equal(UNMAPPED, vmi_space_translate(&space, 0x1000, 0), "a root outside of RAM");
}

static void moves_over_pages(void)
{
    uint8_t bytes[3 * PAGE], back[3 * PAGE] = { 0 };
    make_ram();
    uint64_t root = new_table(), seed = 5, top = 0xfffffffffffff000;
    map_wide(root, 0x10000, 0x80000, 39, 12);
    map_wide(root, 0x11000, HIGH + 0x3000, 39, 12);
    map_wide(root, 0x12000, 0x90000, 39, 12);
    map_wide(root, top, 0xa0000, 39, 12);
    map_wide(root, 0, 0xb0000, 39, 12);
    map_wide(root, 0x20000, 0x70000, 39, 12);
    map_wide(root, 0x21000, 0x4000000000, 39, 12);
    enter(root, CR4_PAE, LMA);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)next_random(&seed);
    expect_equal(sizeof bytes, vmi_space_write(&space, 0x10000, 0, bytes, sizeof bytes), "a write over three pages");
    expect(memcmp(ram + 0x80000, bytes, PAGE) == 0 && memcmp(ram + RAM_BYTES / 2 + 0x3000, bytes + PAGE, PAGE) == 0
        && memcmp(ram + 0x90000, bytes + 2 * PAGE, PAGE) == 0, "the pages have other bytes");
    expect_equal(sizeof bytes - 5, vmi_space_read(&space, 0x10005, 0, back, sizeof back), "a read ends at a page that is not mapped");
    expect(memcmp(back, bytes + 5, sizeof bytes - 5) == 0, "other bytes were read");
    expect_equal(16, vmi_space_read(&space, top + PAGE - 16, 0, back, 32), "a read goes on from the top of the address space to its bottom");
    expect_equal(PAGE, vmi_space_read(&space, 0x20000, 0, back, 2 * PAGE), "a read ends at a page that is no RAM");
    expect_equal(0, vmi_space_read(&space, 0x13000, 0, back, 1), "a page that is not mapped is read");
    expect_equal(0, vmi_space_read(&space, 0x10000, 0, back, 0), "no bytes are some");
}

static void translations_hold_for_one_event(void)
{
    make_ram();
    uint64_t root = new_table(), entry;
    map_wide(root, 0x10000, 0x80000, 39, 12);
    enter(root, CR4_PAE, LMA);
    expect_equal(0x80000, vmi_space_translate(&space, 0x10000, 0), "a page");
    map_wide(root, 0x10000, 0x90000, 39, 12);
    enter(root, CR4_PAE, LMA);
    expect_equal(0x90000, vmi_space_translate(&space, 0x10000, 0), "the next event sees an old translation");
    /* A program that writes a table sees what it wrote. The page table becomes a page like others. */
    map_wide(root, 0x11000, next_table - PAGE, 39, 12);
    entry = 0xa0003;
    vmi_space_write(&space, 0x11000 + 0x10 * 8, 0, &entry, 8);
    expect_equal(0xa0000, vmi_space_translate(&space, 0x10000, 0), "a translation outlives a write to its table");
    /* The epoch's counter comes round: entries of the first round do not hold again. */
    space.epoch = 1;
    space.tlb[0x10] = (struct vmi_tlb_entry){ 0x10000, 0, 0x12345000, 1 };
    space.epoch = UINT32_MAX;
    enter(root, CR4_PAE, LMA);
    expect_equal(0xa0000, vmi_space_translate(&space, 0x10000, 0), "an entry of another round holds");
}

static void sets_are_checked(void)
{
    const struct vmi_range wrong[][2] = {
        { { 0, PAGE, host_of(0) }, { PAGE - 1, PAGE, host_of(PAGE) } },
        { { PAGE, PAGE, host_of(0) }, { 0, PAGE, host_of(PAGE) } },
        { { 0, 2 * PAGE, host_of(0) }, { PAGE, PAGE, host_of(PAGE) } },
        { { 0, 0, host_of(0) }, { PAGE, PAGE, host_of(PAGE) } },
        { { 0, PAGE, host_of(0) + 1 }, { PAGE, PAGE, host_of(PAGE) } },
        { { 0, PAGE + 1, host_of(0) }, { 2 * PAGE, PAGE, host_of(PAGE) } },
        { { 0, PAGE, 0 }, { PAGE, PAGE, host_of(PAGE) } },
        { { 0, PAGE, host_of(0) }, { 0xfffffffffffff000, 2 * PAGE, host_of(PAGE) } },
        { { 0, PAGE, host_of(0) }, { PAGE, PAGE, 0xfffffffffffff000 } },
    };
    make_ram();
    map.is_stale = true;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect(!vmi_map_set(&map, wrong[i], 2), "ranges are accepted that cannot be");
    expect(!vmi_map_set(&map, NULL, VMI_MAX_RANGES + 1), "more ranges are accepted than there is room for");
    expect(map.count == 2 && map.is_stale, "what is refused changes something");
    expect(vmi_map_set(&map, NULL, 0) && map.count == 0 && !map.is_stale, "no ranges are refused");
}

/* Ranges are put over others and taken out at random; a model of pages says what must be there. */
static void changes_agree_with_a_model(void)
{
    uint64_t model[MODEL_PAGES] = { 0 }, seed = 9;
    bool agrees = true;
    vmi_map_set(&map, NULL, 0);
    for (int change = 0; change < CHANGES && agrees; change++) {
        uint32_t first = (uint32_t)(next_random(&seed) % MODEL_PAGES), count = (uint32_t)(1 + next_random(&seed) % (MODEL_PAGES - first));
        uint64_t host = next_random(&seed) % 3 == 0 ? 0 : (1 + next_random(&seed) % 1000) << 20;
        vmi_map_change(&map, (struct vmi_range){ (uint64_t)first * PAGE, (uint64_t)count * PAGE, host });
        for (uint32_t i = 0; i < count; i++)
            model[first + i] = host ? host + (uint64_t)i * PAGE : 0;
        for (uint32_t i = 0; i < MODEL_PAGES; i++) {
            uint64_t left = 0;
            const uint8_t *found = vmi_map_find(&map, (uint64_t)i * PAGE + 7, &left);
            agrees &= (uint64_t)(uintptr_t)found == (model[i] ? model[i] + 7 : 0) && (!found || left <= (uint64_t)(MODEL_PAGES - i) * PAGE - 7);
        }
        for (uint32_t i = 1; i < map.count; i++)
            agrees &= map.ranges[i - 1].physical + map.ranges[i - 1].bytes <= map.ranges[i].physical;
    }
    expect(agrees, "a map that was changed says other things than its model");
}

static void a_full_map_keeps_its_bounds(void)
{
    vmi_map_set(&map, NULL, 0);
    for (uint64_t i = 0; i < VMI_MAX_RANGES + 10; i++)
        vmi_map_change(&map, (struct vmi_range){ i * 4 * PAGE, 3 * PAGE, host_of(0) });
    expect_equal(VMI_MAX_RANGES, map.count, "a map holds as many as there is room for");
    vmi_map_change(&map, (struct vmi_range){ PAGE, PAGE, 0 });   /* splits the first range */
    expect(map.count <= VMI_MAX_RANGES, "a split grows a full map");
    vmi_map_change(&map, (struct vmi_range){ 0, RAM_BYTES << 20, 0 });
    expect_equal(0, map.count, "what is taken out whole leaves something");
}

static void stale_memory_ends_nothing(void)
{
    uint8_t bytes[3 * PAGE], *gone = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(gone, 0x5a, 3 * PAGE);
    struct vmi_range range = { HIGH, 3 * PAGE, (uint64_t)(uintptr_t)gone };
    vmi_map_set(&map, &range, 1);
    map.is_stale = true;
    expect_equal(3 * PAGE, vmi_physical_read(&map, HIGH, bytes, sizeof bytes), "a stale map reads what is there");
    munmap(gone + PAGE, PAGE);
    expect_equal(PAGE - 8, vmi_physical_read(&map, HIGH + 8, bytes, sizeof bytes), "a stale map reads up to what is gone");
    expect_equal(0, vmi_physical_write(&map, HIGH + PAGE, bytes, 8), "what is gone is written");
    expect_equal(8, vmi_physical_write(&map, HIGH + 2 * PAGE, bytes, 8), "what is there is not written");
    munmap(gone, PAGE);
    munmap(gone + 2 * PAGE, PAGE);
}

static void physical_moves_join_neighbours(void)
{
    uint8_t bytes[2 * PAGE];
    const struct vmi_range ranges[] = {
        { 0, PAGE, host_of(PAGE) }, { PAGE, PAGE, host_of(0) }, { 0xfffffffffffff000 - PAGE, PAGE, host_of(2 * PAGE) },
    };
    make_ram();
    memset(ram, 1, PAGE);
    memset(ram + PAGE, 2, PAGE);
    vmi_map_set(&map, ranges, 3);
    expect_equal(2 * PAGE - 4, vmi_physical_read(&map, 4, bytes, 2 * PAGE), "a read over two ranges");
    expect(bytes[0] == 2 && bytes[PAGE - 5] == 2 && bytes[PAGE - 4] == 1, "ranges are read in another order");
    expect_equal(4, vmi_physical_read(&map, 0xfffffffffffff000 - 4, bytes, 8), "a read at the top");
}

int main(void)
{
    ram = aligned_alloc(PAGE, RAM_BYTES);
    long_mode_maps(48);
    long_mode_maps(57);
    pae_maps();
    legacy_maps();
    loops_and_garbage_end();
    moves_over_pages();
    translations_hold_for_one_event();
    sets_are_checked();
    changes_agree_with_a_model();
    a_full_map_keeps_its_bounds();
    stale_memory_ends_nothing();
    physical_moves_join_neighbours();
    free(ram);
    return conclude();
}
