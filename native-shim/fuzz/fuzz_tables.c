/* Tables of any kind: what is accepted holds what vCPUs believe of it without a look. */
#include "fuzz_tables.h"
#include "vmi_tables.h"

#include <string.h>

enum { MOST_INPUT = 600, PROGRAMS = 3, RAM = 0x10000 };

static void look_at(const struct vmi_tables *tables)
{
    for (uint32_t i = 0; i < tables->probe_count; i++) {
        const struct vmi_probe *probe = &tables->probes[i];
        vmi_fuzz_require(probe->id < VMI_MAX_PROBES && vmi_tables_probe(tables, probe->id) == probe, "a probe is not its id's");
        for (uint32_t b = 0; b < probe->bodies; b++)
            vmi_fuzz_require(tables->bodies[probe->first_body + b].program < PROGRAMS, "a body has no program");
        vmi_fuzz_require(probe->body == VMI_KEEP || probe->body < probe->bodies, "a probe has no such body");
    }
    uint32_t in_memory = 0;
    for (uint32_t i = 0; i < tables->site_count; i++) {
        const struct vmi_site *site = &tables->sites[i];
        in_memory += vmi_site_is_in_memory(site);
        /* A page is looked for by what is written, not by an address. */
        vmi_fuzz_require(site->trap == VMI_TRAP_PAGE || vmi_tables_find(tables, site->address, site->trap) != NULL, "a site is not found");
        for (uint32_t u = 0; u < site->uses; u++) {
            const struct vmi_use *use = &tables->uses[site->first_use + u];
            vmi_fuzz_require(use->flags & VMI_USE_CALL ? use->probe == VMI_KEEP : use->probe < tables->probe_count, "a use has no probe");
            vmi_fuzz_require(use->source < 16, "a use has no register");
        }
        vmi_fuzz_require(!vmi_site_is_in_memory(site) || (site->resume != VMI_RESUME_FLAG && site->resume != VMI_RESUME_NONE), "a replaced instruction would run in its place");
        vmi_fuzz_require(!vmi_site_is_in_memory(site) || site->cave == 0 || site->cave_length <= VMI_MAX_INSTRUCTION, "a cave is longer than its copy");
    }
    vmi_fuzz_require(in_memory == tables->in_memory && tables->debug_count <= VMI_DEBUG_REGISTERS, "sites are not counted");
}

static bool run(const uint8_t *data, size_t size)
{
    char problem[128] = "";
    struct vmi_fuzz_source source = { data, size };
    struct vmi_bytes payload = { 0 };
    vmi_fuzz_make_tables(&source, PROGRAMS, NULL, RAM, &payload);
    for (uint32_t flips = vmi_fuzz_below(&source, 3); flips > 0 && payload.size > 0; flips--)
        payload.at[vmi_fuzz_below(&source, (uint32_t)payload.size)] ^= (uint8_t)(1 << vmi_fuzz_below(&source, 8));
    struct vmi_bytes exact = { 0 };
    exact.at = vmi_grow(NULL, 0, payload.size, 1);
    memcpy(exact.at, payload.at, payload.size);
    struct vmi_tables *tables = vmi_tables_make(exact.at, payload.size, PROGRAMS, problem, sizeof problem);
    vmi_bytes_clear(&exact);
    vmi_bytes_clear(&payload);
    if (tables)
        look_at(tables);
    else
        vmi_fuzz_require(problem[0] != '\0', "tables are refused without a reason");
    vmi_tables_free(tables);
    return tables != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run(data, size);
    return 0;
}

#ifndef VMI_LIBFUZZER
int main(int count, char **arguments)
{
    return vmi_fuzz_drive(count, arguments, run, MOST_INPUT);
}
#endif
