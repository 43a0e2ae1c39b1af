/* Makes VMI_APPLY payloads that are mostly as they should be. */
#ifndef VMI_FUZZ_TABLES_H
#define VMI_FUZZ_TABLES_H

#include "fuzz_driver.h"
#include "vmi_bytes.h"

/* Adds a payload for that many programs; sites lie at physical 0 to `ram`, whose bytes `original` is (NULL: anything). */
void vmi_fuzz_make_tables(struct vmi_fuzz_source *source, uint32_t programs, const uint8_t *original, uint32_t ram, struct vmi_bytes *payload);

#endif
