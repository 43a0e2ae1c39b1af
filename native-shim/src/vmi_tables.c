#include "vmi_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INT3 = 0xcc, OUT_IMM8 = 0xe6, PAGE = 4096 };

bool vmi_site_is_in_memory(const struct vmi_site *site)
{
    return site->trap == VMI_TRAP_PORT || site->trap == VMI_TRAP_INT3;
}

uint32_t vmi_site_patch(const struct vmi_site *site, uint8_t patch[2])
{
    patch[0] = site->trap == VMI_TRAP_PORT ? OUT_IMM8 : INT3;
    patch[1] = site->port;
    return site->trap == VMI_TRAP_PORT ? 2 : 1;
}

static bool is_executed(const struct vmi_site *site)
{
    return site->trap == VMI_TRAP_EXECUTE || vmi_site_is_in_memory(site);
}

static bool is_range(uint32_t first, uint32_t count, uint32_t all)
{
    return first <= all && count <= all - first;
}

/* What is wrong with a probe, or NULL. */
static const char *problem_of_probe(const struct vmi_tables *tables, uint32_t index)
{
    const struct vmi_probe *probe = &tables->probes[index];
    if (probe->id >= VMI_MAX_PROBES)
        return "its id is too large";
    for (uint32_t i = 0; i < index; i++)
        if (tables->probes[i].id == probe->id)
            return "its id is there twice";
    if (probe->bodies == 0 || !is_range(probe->first_body, probe->bodies, tables->body_count))
        return "its bodies are none";
    if (probe->body != VMI_KEEP && probe->body >= probe->bodies)
        return "it has no such body";
    return NULL;
}

static const char *problem_of_resume(const struct vmi_site *site)
{
    bool has_cave = site->cave != 0;
    switch (site->resume) {
    case VMI_RESUME_SKIP:
        return NULL;
    case VMI_RESUME_FLAG:
        return site->trap == VMI_TRAP_EXECUTE ? NULL : "an instruction whose bytes are replaced cannot run in its place";
    case VMI_RESUME_STEP:
        return site->trap == VMI_TRAP_EXECUTE || has_cave ? NULL : "its instruction has no cave";
    case VMI_RESUME_PUSH:
    case VMI_RESUME_MOVE:
    case VMI_RESUME_LOAD:
        if (site->source > 15 || site->target > 15 || (site->width != 4 && site->width != 8))
            return "its instruction names no register or width";
        if (site->resume != VMI_RESUME_MOVE && !has_cave)
            return "its instruction has no cave for memory that is not mapped";
        return vmi_site_is_in_memory(site) ? NULL : "its instruction can run in its place";
    default:
        return "there is no such way to go on";
    }
}

/* What a trap has written could not be told from what stood there, and would not be taken out. */
static bool meets_its_cave(const struct vmi_site *site)
{
    uint8_t patch[2];
    return site->physical < site->cave_physical + site->cave_length && site->cave_physical < site->physical + vmi_site_patch(site, patch);
}

static const char *problem_of_site(const struct vmi_tables *tables, const struct vmi_site *site)
{
    if (!is_range(site->first_use, site->uses, tables->use_count) || site->uses == 0 || site->uses > VMI_MAX_PROBES)
        return "its uses are none";
    if (site->trap == VMI_TRAP_WRITE || site->trap == VMI_TRAP_ACCESS) {
        if (site->length != 1 && site->length != 2 && site->length != 4 && site->length != 8)
            return "a debug register watches 1, 2, 4 or 8 bytes";
        if (site->address % site->length != 0)
            return "its address is no multiple of its length";
        return site->resume == VMI_RESUME_NONE ? NULL : "behind an access nothing is to be executed";
    }
    if (site->trap == VMI_TRAP_PAGE) {
        if (site->bytes == 0 || site->bytes > PAGE - site->physical % PAGE)
            return "the memory that it watches is not within one page";
        return site->resume == VMI_RESUME_NONE ? NULL : "behind an access nothing is to be executed";
    }
    if (site->trap > VMI_TRAP_PAGE)
        return "there is no such trap";
    if (site->length < 1 || site->length >= VMI_MAX_INSTRUCTION)
        return "no instruction has such a length";
    if (site->trap == VMI_TRAP_PORT && site->length < 2)
        return "its instruction is too short for a port trap";
    if (site->cave != 0 && (site->cave_length < 1 || site->cave_length > VMI_MAX_INSTRUCTION))
        return "its cave has no such length";
    if (site->cave != 0 && meets_its_cave(site))
        return "its cave is where it stands itself";
    if (site->cave != 0 && !vmi_site_is_in_memory(site))
        return "its instruction runs in its place: it has no cave";
    return problem_of_resume(site);
}

static const char *problem_of_use(const struct vmi_tables *tables, const struct vmi_use *use)
{
    if (use->flags & VMI_USE_CALL ? use->probe != VMI_KEEP : use->probe >= tables->probe_count)
        return "it is no probe's";
    if (use->source > 15 || use->write > VMI_WRITE_CLEAR_TS)
        return "it names no register or write";
    return NULL;
}

bool vmi_site_sees_after(const struct vmi_tables *tables, const struct vmi_site *site)
{
    for (uint32_t i = 0; i < site->uses; i++)
        if (tables->uses[site->first_use + i].flags & VMI_USE_AFTER)
            return true;
    return false;
}

static bool may_step(const struct vmi_tables *tables, const struct vmi_site *site)
{
    return site->resume == VMI_RESUME_STEP || site->cave != 0 || (site->resume == VMI_RESUME_FLAG && vmi_site_sees_after(tables, site));
}

/* Where an address is looked for first. */
static uint32_t first_slot(const struct vmi_tables *tables, uint64_t address)
{
    return (uint32_t)(address * 0x9e3779b97f4a7c15ull >> 32) & tables->slots_mask;
}

static bool take_site(struct vmi_tables *tables, uint32_t index)
{
    const struct vmi_site *site = &tables->sites[index];
    tables->in_memory += vmi_site_is_in_memory(site);
    tables->has_int3 |= site->trap == VMI_TRAP_INT3;
    tables->has_steps |= may_step(tables, site);
    tables->page_count += site->trap == VMI_TRAP_PAGE;
    if (!vmi_site_is_in_memory(site) && site->trap != VMI_TRAP_PAGE) {
        if (tables->debug_count == VMI_DEBUG_REGISTERS)
            return false;
        tables->debug[tables->debug_count++] = site;
    }
    if (!is_executed(site))
        return true;
    uint32_t slot = first_slot(tables, site->address);
    for (; tables->slots[slot] != 0; slot = (slot + 1) & tables->slots_mask)
        if (tables->sites[tables->slots[slot] - 1].address == site->address)
            return false;
    tables->slots[slot] = index + 1;
    return true;
}

static bool complain(char *problem, size_t size, const char *what, uint32_t index, const char *why)
{
    snprintf(problem, size, "%s %u: %s", what, index, why);
    return false;
}

static bool check(struct vmi_tables *tables, uint32_t programs, char *problem, size_t size)
{
    const char *why;
    for (uint32_t i = 0; i < tables->body_count; i++)
        if (tables->bodies[i].program >= programs)
            return complain(problem, size, "body", i, "there is no such program");
    for (uint32_t i = 0; i < tables->probe_count; i++) {
        if ((why = problem_of_probe(tables, i)))
            return complain(problem, size, "probe", i, why);
        tables->has_resume |= (tables->probes[i].flags & VMI_PROBE_ON_RESUME) != 0;
    }
    for (uint32_t i = 0; i < tables->use_count; i++)
        if ((why = problem_of_use(tables, &tables->uses[i])))
            return complain(problem, size, "use", i, why);
    for (uint32_t i = 0; i < tables->site_count; i++) {
        if ((why = problem_of_site(tables, &tables->sites[i])))
            return complain(problem, size, "site", tables->sites[i].id, why);
        if (!take_site(tables, i))
            return complain(problem, size, "site", tables->sites[i].id, "its address is taken, or there is no debug register left");
    }
    for (uint32_t i = 0; i < tables->site_count; i++)
        if ((tables->sites[i].flags & VMI_SITE_MAY_FAULT) && tables->debug_count > VMI_DEBUG_REGISTERS - 2)
            return complain(problem, size, "site", tables->sites[i].id, "its instruction may fault, and two debug registers are not left to see that");
    return true;
}

/* Lays the tables out in one piece: the head, the hash table, the client's arrays. */
static struct vmi_tables *lay_out(const struct vmi_apply *apply, const uint8_t *arrays, size_t size)
{
    uint32_t slots = 64;
    while (slots < apply->sites * 2)
        slots *= 2;
    size_t slot_bytes = slots * sizeof(uint32_t);
    struct vmi_tables *tables = calloc(1, sizeof *tables + slot_bytes + size);
    if (!tables)
        return NULL;
    tables->slots = (uint32_t *)(tables + 1);
    tables->slots_mask = slots - 1;
    uint8_t *copy = (uint8_t *)tables->slots + slot_bytes;
    memcpy(copy, arrays, size);
    tables->probes = (const struct vmi_probe *)copy;
    tables->bodies = (const struct vmi_body *)(tables->probes + apply->probes);
    tables->sites = (const struct vmi_site *)(tables->bodies + apply->bodies);
    tables->uses = (const struct vmi_use *)(tables->sites + apply->sites);
    tables->probe_count = apply->probes;
    tables->body_count = apply->bodies;
    tables->site_count = apply->sites;
    tables->use_count = apply->uses;
    return tables;
}

struct vmi_tables *vmi_tables_make(const void *payload, size_t size, uint32_t programs, char *problem, size_t problem_size)
{
    struct vmi_apply apply;
    snprintf(problem, problem_size, "the message does not hold what it says");
    if (size < sizeof apply)
        return NULL;
    memcpy(&apply, payload, sizeof apply);
    if (apply.probes > VMI_MAX_PROBES || apply.bodies > VMI_MAX_BODIES || apply.sites > VMI_MAX_SITES || apply.uses > VMI_MAX_USES)
        return NULL;
    size_t arrays = apply.probes * sizeof(struct vmi_probe) + apply.bodies * sizeof(struct vmi_body)
        + apply.sites * sizeof(struct vmi_site) + apply.uses * sizeof(struct vmi_use);
    if (size - sizeof apply != arrays)
        return NULL;
    struct vmi_tables *tables = lay_out(&apply, (const uint8_t *)payload + sizeof apply, arrays);
    if (!tables) {
        snprintf(problem, problem_size, "no memory");
        return NULL;
    }
    if (check(tables, programs, problem, problem_size))
        return tables;
    vmi_tables_free(tables);
    return NULL;
}

void vmi_tables_free(struct vmi_tables *tables)
{
    free(tables);
}

const struct vmi_site *vmi_tables_at(const struct vmi_tables *tables, uint64_t address)
{
    uint32_t slot = first_slot(tables, address);
    for (; tables->slots[slot] != 0; slot = (slot + 1) & tables->slots_mask)
        if (tables->sites[tables->slots[slot] - 1].address == address)
            return &tables->sites[tables->slots[slot] - 1];
    return NULL;
}

const struct vmi_site *vmi_tables_find(const struct vmi_tables *tables, uint64_t address, uint8_t trap)
{
    for (uint32_t i = 0; i < tables->debug_count; i++)
        if (tables->debug[i]->address == address && tables->debug[i]->trap == trap)
            return tables->debug[i];
    const struct vmi_site *site = vmi_tables_at(tables, address);
    return site && site->trap == trap ? site : NULL;
}

const struct vmi_probe *vmi_tables_probe(const struct vmi_tables *tables, uint32_t id)
{
    for (uint32_t i = 0; i < tables->probe_count; i++)
        if (tables->probes[i].id == id)
            return &tables->probes[i];
    return NULL;
}

const struct vmi_site *vmi_tables_next_page(const struct vmi_tables *tables, const struct vmi_site *after)
{
    const struct vmi_site *end = tables->sites + tables->site_count;
    for (const struct vmi_site *site = after ? after + 1 : tables->sites; tables->page_count > 0 && site < end; site++)
        if (site->trap == VMI_TRAP_PAGE)
            return site;
    return NULL;
}

bool vmi_site_watches(const struct vmi_site *site, uint64_t physical, uint64_t bytes)
{
    return physical < site->physical + site->bytes && site->physical < physical + bytes;
}
