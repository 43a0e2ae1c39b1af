/* Pages of its memory that a guest may read and not write: KVM hands each write to one out, with where it goes and what is written
 * (Documentation/virt/kvm/api.rst, KVM_MEM_READONLY, KVM_EXIT_MMIO). For that, the slot around a page is cut in pieces, which QEMU does not notice: it
 * is whole again before anything is done to a slot. The world is stopped at every call, but for vmi_pages_has. */
#ifndef VMI_PAGES_H
#define VMI_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmi_tables.h"

/* Makes the read-only pages those of `tables`; NULL, or once they are given up: none. A negative errno, with what is wrong in `problem`, where they cannot be had: then none is. */
int vmi_pages_become(const struct vmi_tables *tables, char *problem, size_t problem_size);

/* Has all slots whole again. Whether any page was read-only. */
bool vmi_pages_take(void);

/* Whether a physical address is in a page that is read-only now. Inside, or the world is stopped. */
bool vmi_pages_has(uint64_t physical);
bool vmi_pages_are_in(void);

#endif
