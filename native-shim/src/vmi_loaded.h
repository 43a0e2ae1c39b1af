/* A loaded program, as its loader makes it and its interpreter runs it. */
#ifndef VMI_LOADED_H
#define VMI_LOADED_H

#include "vmi_program.h"
#include "vmi_step.h"

struct vmi_program {
    uint64_t registers;
    uint32_t schemas;
    uint32_t budget;
    uint32_t scratch_bytes;
    struct vmi_decoded steps[];
};

#endif
