/* The system calls in which a program waits for work, and does nothing else: a futex, for one, may be the loader's own lock. */
#ifndef VMI_CALLS_H
#define VMI_CALLS_H

#include <stdbool.h>
#include <stdint.h>

bool vmi_call_waits(uint64_t number);

/* Those of them that tell the program of each interruption (signal(7)). */
bool vmi_call_is_epoll(uint64_t number);

#endif
