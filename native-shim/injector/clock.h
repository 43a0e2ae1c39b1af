/* Deadlines, on a clock that never jumps. */
#ifndef VMI_CLOCK_H
#define VMI_CLOCK_H

#include <stdint.h>

int64_t vmi_now_us(void);

#endif
