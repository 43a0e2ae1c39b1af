/* The library in the target. */
#ifndef VMI_LOADED_LIBRARY_H
#define VMI_LOADED_LIBRARY_H

#include "target.h"

struct vmi_loaded {
    bool is_mapped;
    /* 0 where it is damaged, or was not loaded by us. */
    uint64_t code_start, code_end;
    uint64_t quiesce, start;       /* functions that it exports (library.h) */
    uint64_t handle;
};

/* Looks for it as the target is now. */
struct vmi_loaded vmi_loaded_find(const struct vmi_target *target);

#endif
