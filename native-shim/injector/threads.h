/* All threads of the target, for a moment. */
#ifndef VMI_THREADS_H
#define VMI_THREADS_H

#include "target.h"

/* Stops them all, and lets them go again: whether none of them is in the code from start to end, or comes back into it, as far as
   its registers and its stack say. Ends the program where a thread does not stop. */
bool vmi_threads_outside(struct vmi_target *target, uint64_t start, uint64_t end);

#endif
