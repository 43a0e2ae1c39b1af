/* What a thread's stack says of where it will go on. */
#ifndef VMI_STACK_H
#define VMI_STACK_H

#include "memory.h"

/* Whether a word of the stack, from rsp on (256 KiB at most), points into [start, end). True also where the stack can't be read. */
bool vmi_stack_points_into(const struct vmi_memory *memory, uint64_t rsp, uint64_t start, uint64_t end);

#endif
