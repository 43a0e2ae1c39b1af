/* What VMI_APPLY may say, and each thing that it may not. */
#include <stdlib.h>
#include <string.h>

#include "vmi_check.h"
#include "vmi_tables.h"

enum { PROGRAMS = 3, PROBES = 2, BODIES = 3, SITES = 6, USES = 7 };

struct message {
    struct vmi_apply head;
    struct vmi_probe probes[PROBES];
    struct vmi_body bodies[BODIES];
    struct vmi_site sites[SITES];
    struct vmi_use uses[USES];
};

/* One of each trap; site 4 is int3 with a cave, site 5 a port trap that pushes. */
static struct message sound(void)
{
    struct message message = {
        .head = { PROBES, BODIES, SITES, USES },
        .probes = { { .id = 7, .flags = VMI_PROBE_ENABLED, .first_body = 0, .bodies = 2 }, { .id = 1023, .first_body = 2, .bodies = 1, .body = VMI_KEEP } },
        .bodies = { { 0, 0 }, { 2, 1 }, { 1, 0 } },
        .sites = {
            { .address = 0x1000, .trap = VMI_TRAP_EXECUTE, .length = 5, .resume = VMI_RESUME_FLAG },
            { .address = 0x2000, .trap = VMI_TRAP_WRITE, .length = 8, .resume = VMI_RESUME_NONE },
            { .address = 0x3004, .trap = VMI_TRAP_ACCESS, .length = 4, .resume = VMI_RESUME_NONE },
            { .address = 0x4000, .trap = VMI_TRAP_PORT, .length = 4, .resume = VMI_RESUME_SKIP, .port = 0x53 },
            { .address = 0x5000, .trap = VMI_TRAP_INT3, .length = 1, .resume = VMI_RESUME_STEP, .cave = 0x9000, .cave_length = 6 },
            { .address = 0x6000, .trap = VMI_TRAP_PORT, .length = 2, .resume = VMI_RESUME_PUSH, .source = 12, .width = 8, .cave = 0x9010, .cave_length = 7 },
        },
        .uses = { { .probe = 0 }, { .probe = 1 }, { .probe = VMI_KEEP, .flags = VMI_USE_CALL }, { .probe = 1, .flags = VMI_USE_AFTER } },
    };
    for (uint32_t i = 0; i < SITES; i++) {
        message.sites[i].id = 100 + i;
        message.sites[i].first_use = i;
        message.sites[i].uses = 1 + (i == 0);
    }
    for (uint32_t i = 0; i < SITES; i++) {
        message.sites[i].physical = message.sites[i].address;
        message.sites[i].cave_physical = message.sites[i].cave;
    }
    return message;
}

static struct vmi_tables *make(const struct message *message, size_t size, char problem[128])
{
    /* A block of just that size, so that the sanitizer sees a byte more. */
    void *exact = malloc(size);
    memcpy(exact, message, size);
    strcpy(problem, "");
    struct vmi_tables *tables = vmi_tables_make(exact, size, PROGRAMS, problem, 128);
    free(exact);
    return tables;
}

static void expect_refused(const struct message *message, size_t size, const char *why, int line)
{
    char problem[128];
    struct vmi_tables *tables = make(message, size, problem);
    if (tables || !strstr(problem, why))
        printf("  line %d: %s; expected: %s\n", line, tables ? "(accepted)" : problem, why);
    expect(!tables && strstr(problem, why), "tables that cannot be");
    vmi_tables_free(tables);
}

#define REFUSED(change, why) do { struct message m = sound(); change; expect_refused(&m, sizeof m, why, __LINE__); } while (0)

static void sound_tables_are_made(void)
{
    char problem[128];
    struct message message = sound();
    struct vmi_tables *tables = make(&message, sizeof message, problem);
    if (!tables) {
        printf("  %s\n", problem);
        expect(false, "sound tables are refused");
        return;
    }
    expect(tables->debug_count == 3 && tables->in_memory == 3 && tables->has_int3 && !tables->has_resume, "the sites are not counted");
    for (uint32_t i = 0; i < SITES; i++)
        expect(vmi_tables_find(tables, message.sites[i].address, message.sites[i].trap) == &tables->sites[i], "a site is not found by its trap");
    for (uint32_t i = 3; i < SITES; i++)
        expect(vmi_tables_at(tables, message.sites[i].address) == &tables->sites[i], "a site is not found");
    expect(!vmi_tables_at(tables, 0x2000) && !vmi_tables_at(tables, 0x1001), "an address without a site has one");
    expect(!vmi_tables_find(tables, 0x4000, VMI_TRAP_INT3), "a site is found by another's trap");
    expect(vmi_tables_probe(tables, 1023) == &tables->probes[1] && !vmi_tables_probe(tables, 8), "a probe is not found by its id");
    uint8_t patch[2];
    expect(vmi_site_patch(&tables->sites[3], patch) == 2 && patch[0] == 0xe6 && patch[1] == 0x53, "a port trap's bytes");
    expect(vmi_site_patch(&tables->sites[4], patch) == 1 && patch[0] == 0xcc, "an int3 trap's byte");
    vmi_tables_free(tables);
}

static void pages_are_found(void)
{
    char problem[128];
    struct message message = sound();
    struct vmi_site *site = &message.sites[0];
    site->trap = VMI_TRAP_PAGE;
    site->resume = VMI_RESUME_NONE;
    site->physical = 0x7ff0;
    site->bytes = 16;
    struct vmi_tables *tables = make(&message, sizeof message, problem);
    if (!tables) {
        printf("  %s\n", problem);
        expect(false, "a page is refused");
        return;
    }
    const struct vmi_site *found = vmi_tables_next_page(tables, NULL);
    expect(tables->page_count == 1 && tables->debug_count == 2, "a page takes a debug register, or does not count");
    expect(found == &tables->sites[0] && !vmi_tables_next_page(tables, found), "a page is not found, or again and again");
    expect(found && vmi_site_watches(found, 0x7fff, 1) && vmi_site_watches(found, 0x7fe9, 8), "a write that meets the memory is not watched");
    expect(found && !vmi_site_watches(found, 0x7fe8, 8) && !vmi_site_watches(found, 0x8000, 8), "a write beside the memory is watched");
    vmi_tables_free(tables);
}

static void nothing_is_something_to_apply(void)
{
    char problem[128];
    struct message message = { .head = { 0 } };
    struct vmi_tables *tables = make(&message, sizeof message.head, problem);
    expect(tables && !vmi_tables_at(tables, 0) && !vmi_tables_probe(tables, 0), "empty tables are refused, or not empty");
    vmi_tables_free(tables);
}

static void sizes_are_checked(void)
{
    struct message message = sound();
    for (size_t size = 0; size < sizeof message; size++)
        expect_refused(&message, size, "does not hold what it says", __LINE__);
    REFUSED(m.head.probes = UINT32_MAX, "does not hold");
    REFUSED(m.head.bodies = UINT32_MAX, "does not hold");
    REFUSED(m.head.sites = UINT32_MAX, "does not hold");
    REFUSED(m.head.uses = VMI_MAX_USES + 1, "does not hold");
    REFUSED((m.head.bodies++, m.head.uses--), "does not hold");
}

static void probes_are_checked(void)
{
    REFUSED(m.bodies[1].program = PROGRAMS, "body 1: there is no such program");
    REFUSED(m.probes[1].id = VMI_MAX_PROBES, "probe 1: its id is too large");
    REFUSED(m.probes[1].id = 7, "probe 1: its id is there twice");
    REFUSED(m.probes[0].bodies = 0, "probe 0: its bodies");
    REFUSED(m.probes[0].bodies = 4, "probe 0: its bodies");
    REFUSED(m.probes[1].first_body = 3, "probe 1: its bodies");
    REFUSED(m.probes[1].first_body = UINT32_MAX, "probe 1: its bodies");
    REFUSED(m.probes[0].body = 2, "probe 0: it has no such body");
    REFUSED(m.uses[1].probe = PROBES, "use 1: it is no probe's");
    REFUSED(m.uses[1].probe = VMI_KEEP, "use 1: it is no probe's");
    REFUSED(m.uses[2].probe = 0, "use 2: it is no probe's");
    REFUSED(m.uses[0].source = 16, "use 0: it names no register");
    REFUSED(m.uses[0].write = VMI_WRITE_CLEAR_TS + 1, "use 0: it names no register");
}

static void sites_are_checked(void)
{
    REFUSED(m.sites[0].uses = 0, "site 100: its uses");
    REFUSED(m.sites[0].uses = USES + 1, "site 100: its uses");
    REFUSED(m.sites[0].first_use = USES, "site 100: its uses");
    REFUSED(m.sites[0].trap = 6, "site 100: there is no such trap");
    REFUSED(m.sites[0].trap = VMI_TRAP_PAGE, "site 100: the memory that it watches");
    REFUSED((m.sites[0].trap = VMI_TRAP_PAGE, m.sites[0].physical = 0x1ff8, m.sites[0].bytes = 9), "site 100: the memory that it watches");
    REFUSED((m.sites[0].trap = VMI_TRAP_PAGE, m.sites[0].physical = 0x1ff8, m.sites[0].bytes = 8), "site 100: behind an access");
    REFUSED(m.sites[0].length = 0, "site 100: no instruction");
    REFUSED(m.sites[0].length = VMI_MAX_INSTRUCTION, "site 100: no instruction");
    REFUSED(m.sites[0].resume = VMI_RESUME_NONE, "site 100: there is no such way");
    REFUSED(m.sites[0].resume = 7, "site 100: there is no such way");
    REFUSED((m.sites[0].resume = VMI_RESUME_MOVE, m.sites[0].width = 8), "site 100: its instruction can run in its place");
    REFUSED(m.sites[1].length = 3, "site 101: a debug register watches");
    REFUSED(m.sites[1].length = 16, "site 101: a debug register watches");
    REFUSED(m.sites[2].address = 0x3002, "site 102: its address is no multiple");
    REFUSED(m.sites[2].resume = VMI_RESUME_SKIP, "site 102: behind an access");
    REFUSED(m.sites[3].length = 1, "site 103: its instruction is too short");
    REFUSED(m.sites[3].resume = VMI_RESUME_FLAG, "site 103: an instruction whose bytes are replaced");
    REFUSED(m.sites[3].resume = VMI_RESUME_STEP, "site 103: its instruction has no cave");
    REFUSED(m.sites[4].cave_length = 0, "site 104: its cave");
    REFUSED(m.sites[4].cave_length = VMI_MAX_INSTRUCTION + 1, "site 104: its cave");
    REFUSED(m.sites[5].source = 16, "site 105: its instruction names no register");
    REFUSED(m.sites[5].target = 16, "site 105: its instruction names no register");
    REFUSED(m.sites[5].width = 2, "site 105: its instruction names no register");
    REFUSED(m.sites[5].address = 0x4000, "site 105: its address is taken");
    REFUSED(m.sites[3].address = 0x1000, "site 103: its address is taken");
    REFUSED((m.sites[3].trap = VMI_TRAP_EXECUTE, m.sites[5] = m.sites[0], m.sites[5].address = 0x7000), "its address is taken, or there is no debug register");
}

/* Instructions that can fail in the shim's hands have to have a cave to fail in; and nobody writes the cave of a debug register. */
static void caves_are_checked(void)
{
    REFUSED((m.sites[5].cave = 0, m.sites[5].cave_length = 0), "site 105: its instruction has no cave");
    REFUSED((m.sites[5].resume = VMI_RESUME_LOAD, m.sites[5].cave = 0), "site 105: its instruction has no cave");
    REFUSED((m.sites[0].resume = VMI_RESUME_STEP, m.sites[0].cave = 0x9100, m.sites[0].cave_length = 5), "site 100: its instruction runs in its place");
    REFUSED((m.sites[5].physical = 0x900f, m.sites[5].cave_physical = 0x9010), "site 105: its cave is where it stands itself");
    REFUSED((m.sites[5].physical = 0x9016, m.sites[5].cave_physical = 0x9010), "site 105: its cave is where it stands itself");
    REFUSED(m.sites[4].flags = VMI_SITE_MAY_FAULT, "site 104: its instruction may fault, and two debug registers");
}

static void caves_may_be_beside_their_sites(void)
{
    static const uint64_t places[][2] = { { 0x900e, 0x9010 }, { 0x9017, 0x9010 } };
    for (int i = 0; i < 2; i++) {
        char problem[128];
        struct message message = sound();
        message.sites[5].physical = places[i][0];
        message.sites[5].cave_physical = places[i][1];
        struct vmi_tables *tables = make(&message, sizeof message, problem);
        expect(tables != NULL, "a cave beside its site is refused");
        vmi_tables_free(tables);
    }
}

/* As many as there may be, at addresses that fall on one another in the hash table. */
static void many_sites_are_found(void)
{
    size_t size = sizeof(struct vmi_apply) + sizeof(struct vmi_probe) + sizeof(struct vmi_body) + VMI_MAX_SITES * sizeof(struct vmi_site) + sizeof(struct vmi_use);
    uint8_t *bytes = calloc(1, size);
    struct vmi_apply head = { 1, 1, VMI_MAX_SITES, 1 };
    struct vmi_probe probe = { .id = 0, .bodies = 1 };
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, &probe, sizeof probe);
    struct vmi_site *sites = (struct vmi_site *)(bytes + sizeof head + sizeof probe + sizeof(struct vmi_body));
    for (uint64_t i = 0; i < VMI_MAX_SITES; i++)
        sites[i] = (struct vmi_site){ .address = i << 52 | 0x1000 * (i % 7), .trap = VMI_TRAP_PORT, .length = 2, .uses = 1 };
    char problem[128];
    struct vmi_tables *tables = vmi_tables_make(bytes, size, 1, problem, sizeof problem);
    expect(tables != NULL, "the most sites that there may be are refused");
    bool are_found = true;
    for (uint64_t i = 0; tables && i < VMI_MAX_SITES; i++)
        are_found &= vmi_tables_at(tables, sites[i].address) == &tables->sites[i];
    expect(are_found && !vmi_tables_at(tables, 0x7777), "sites are not found where there are many");
    vmi_tables_free(tables);
    free(bytes);
}

int main(void)
{
    sound_tables_are_made();
    pages_are_found();
    nothing_is_something_to_apply();
    sizes_are_checked();
    probes_are_checked();
    sites_are_checked();
    caves_are_checked();
    caves_may_be_beside_their_sites();
    many_sites_are_found();
    return conclude();
}
