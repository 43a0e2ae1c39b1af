#include <string.h>

#include "fuzz_tables.h"
#include "vmi_shim.h"

/* A number that is mostly below `count`. */
static uint32_t some(struct vmi_fuzz_source *source, uint32_t count)
{
    return count == 0 || vmi_fuzz_below(source, 50) == 0 ? (uint32_t)vmi_fuzz_number(source, 4) : vmi_fuzz_below(source, count);
}

static struct vmi_site some_site(struct vmi_fuzz_source *source, uint32_t uses, const uint8_t *original, uint32_t ram)
{
    static const uint8_t lengths[] = { 1, 2, 4, 8 };
    struct vmi_site site;
    memset(&site, 0, sizeof site);
    site.trap = (uint8_t)some(source, 5);
    bool watches = site.trap == VMI_TRAP_WRITE || site.trap == VMI_TRAP_ACCESS;
    site.length = watches ? lengths[vmi_fuzz_below(source, 4)] : (uint8_t)(2 + some(source, 13));
    site.resume = watches ? VMI_RESUME_NONE : (uint8_t)some(source, 6);
    site.physical = some(source, ram - 16);
    site.address = site.physical & (watches ? ~7u : ~0u);
    site.port = (uint8_t)vmi_fuzz_number(source, 1);
    site.source = (uint8_t)some(source, 16);
    site.target = (uint8_t)some(source, 16);
    site.width = vmi_fuzz_below(source, 2) ? 4 : 8;
    site.first_use = some(source, uses);
    site.uses = 1;
    site.id = (uint32_t)vmi_fuzz_number(source, 1);
    site.flags = vmi_fuzz_below(source, 8) == 0;
    if (original && site.physical < ram - 16)
        memcpy(site.original, original + site.physical, sizeof site.original);
    if (site.trap < VMI_TRAP_PORT || vmi_fuzz_below(source, 4) == 0)
        return site;
    site.cave = site.cave_physical = 1 + some(source, ram - 20);
    site.cave_length = (uint8_t)(1 + some(source, 15));
    for (size_t i = 0; i < sizeof site.copy; i++)
        site.copy[i] = (uint8_t)vmi_fuzz_number(source, 1);
    if (original && site.cave_physical < ram - 16)
        memcpy(site.cave_original, original + site.cave_physical, sizeof site.cave_original);
    return site;
}

void vmi_fuzz_make_tables(struct vmi_fuzz_source *source, uint32_t programs, const uint8_t *original, uint32_t ram, struct vmi_bytes *payload)
{
    struct vmi_apply head = { vmi_fuzz_below(source, 5), vmi_fuzz_below(source, 6), vmi_fuzz_below(source, 7), vmi_fuzz_below(source, 8) };
    if (programs == 0)
        head = (struct vmi_apply){ 0, 0, head.sites, head.uses };
    struct vmi_apply said = head;
    if (vmi_fuzz_below(source, 100) == 0)
        said.sites = (uint32_t)vmi_fuzz_number(source, 4);
    vmi_bytes_add(payload, &said, sizeof said);
    for (uint32_t i = 0; i < head.probes; i++) {
        uint32_t first = some(source, head.bodies);
        struct vmi_probe probe = { i * 200, vmi_fuzz_below(source, 4), first, 1, vmi_fuzz_below(source, 3) ? 0 : VMI_KEEP, 0 };
        vmi_bytes_add(payload, &probe, sizeof probe);
    }
    for (uint32_t i = 0; i < head.bodies; i++)
        vmi_bytes_add(payload, &(struct vmi_body){ some(source, programs), vmi_fuzz_below(source, 2) }, sizeof(struct vmi_body));
    for (uint32_t i = 0; i < head.sites; i++) {
        struct vmi_site site = some_site(source, head.uses, original, ram);
        vmi_bytes_add(payload, &site, sizeof site);
    }
    for (uint32_t i = 0; i < head.uses; i++) {
        bool calls = head.probes == 0 || vmi_fuzz_below(source, 5) == 0;
        struct vmi_use use = { .probe = calls ? VMI_KEEP : some(source, head.probes), .flags = calls ? VMI_USE_CALL : vmi_fuzz_below(source, 32) & ~2u };
        vmi_bytes_add(payload, &use, sizeof use);
    }
}
