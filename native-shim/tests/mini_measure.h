/* What an event costs the guest, beyond the exit itself. */
#ifndef MINI_MEASURE_H
#define MINI_MEASURE_H

#include <stdint.h>

/* Prints a table: nanoseconds of each event, and their ratio to an exit that is answered at once. */
int mini_measure(uint64_t scale);

#endif
