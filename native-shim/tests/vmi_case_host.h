/* The machine that a case describes, and what a program did to it, in the words of a case. */
#ifndef VMI_CASE_HOST_H
#define VMI_CASE_HOST_H

#include "vmi_case.h"

/* One byte of guest memory, seen through a root. */
struct vmi_case_byte {
    uint64_t root;
    uint64_t address;
    uint8_t value;
};

struct vmi_case_host {
    const struct vmi_case *from;
    uint64_t registers;                 /* bit n for each register that the case lists */
    uint64_t values[64];
    struct vmi_case_byte *memory;       /* guest-virtual */
    size_t memory_count;
    struct vmi_case_byte *physical;
    size_t physical_count;
    uint32_t vcpu;
    struct vmi_bytes records;           /* lines, as the case has them */
    struct vmi_bytes writes;
    struct vmi_bytes effects;
};

extern const struct vmi_host_ops vmi_case_host_ops;

struct vmi_case_host vmi_case_host_make(const struct vmi_case *from);
void vmi_case_host_free(struct vmi_case_host *host);

/* What the case expects there, written as the host writes it. */
void vmi_case_host_expected(const struct vmi_case *from, struct vmi_bytes *records, struct vmi_bytes *writes, struct vmi_bytes *effects);

#endif
