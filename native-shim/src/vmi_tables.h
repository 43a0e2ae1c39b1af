/* What is at work: probes with their bodies, sites with their uses, as a client's VMI_APPLY gives them. Checked as a whole when they are made;
 * immutable afterwards, and so read by vCPUs without a lock. */
#ifndef VMI_TABLES_H
#define VMI_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmi_shim.h"

struct vmi_tables {
    uint32_t probe_count, body_count, site_count, use_count;
    const struct vmi_probe *probes;
    const struct vmi_body *bodies;
    const struct vmi_site *sites;
    const struct vmi_use *uses;
    const struct vmi_site *debug[VMI_DEBUG_REGISTERS];   /* the site of each debug register, or NULL */
    uint32_t debug_count;
    uint32_t in_memory;        /* sites that change the guest's memory */
    uint32_t page_count;       /* sites that watch pages */
    bool has_int3;
    bool has_steps;            /* an instruction may have to be executed by a single step */
    bool has_resume;           /* a probe runs on each return to the guest */
    uint32_t slots_mask;       /* of the hash table below */
    uint32_t *slots;           /* index of an executed site + 1, by address; linear probing */
};

/* Makes tables of a message's payload. NULL with what is wrong in `problem`; free with vmi_tables_free. `programs` is how many there are. */
struct vmi_tables *vmi_tables_make(const void *payload, size_t size, uint32_t programs, char *problem, size_t problem_size);
void vmi_tables_free(struct vmi_tables *tables);

/* The site whose instruction stands at an address, or NULL. */
const struct vmi_site *vmi_tables_at(const struct vmi_tables *tables, uint64_t address);

/* The site with that address that is trapped that way, or NULL. */
const struct vmi_site *vmi_tables_find(const struct vmi_tables *tables, uint64_t address, uint8_t trap);

/* The probe with an id, or NULL. */
const struct vmi_probe *vmi_tables_probe(const struct vmi_tables *tables, uint32_t id);

/* Whether something is done at a site behind its instruction. */
bool vmi_site_sees_after(const struct vmi_tables *tables, const struct vmi_site *site);

/* The next site behind `after` (NULL: the first) that watches a page, or NULL; and whether it watches any of those bytes. */
const struct vmi_site *vmi_tables_next_page(const struct vmi_tables *tables, const struct vmi_site *after);
bool vmi_site_watches(const struct vmi_site *site, uint64_t physical, uint64_t bytes);

/* Whether the site changes the guest's memory, and how many bytes at its address. */
bool vmi_site_is_in_memory(const struct vmi_site *site);
uint32_t vmi_site_patch(const struct vmi_site *site, uint8_t patch[2]);

#endif
