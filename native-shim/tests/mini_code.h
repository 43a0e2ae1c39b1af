/* The mini guest's code: x86-64, for any address, as labels in the test program (mini_code.c). */
#ifndef MINI_CODE_H
#define MINI_CODE_H

#include <stdint.h>

extern const uint8_t mini_code[], mini_code_end[];

/* Where each piece of work begins. RDI: the vCPU's own page of data; RSI: how often. Ends with HLT; errors that it saw are in R15. */
extern const uint8_t mini_work[], mini_one_site[], mini_watch[], mini_stores[], mini_tables[], mini_fault[], mini_own[], mini_exit[], mini_idle[];

/* Instructions that traps are put on. */
extern const uint8_t mini_skip[], mini_push[], mini_move[], mini_load[], mini_step[], mini_one[], mini_lidt[], mini_load_absent[],
    mini_int3[], mini_port[];
extern const uint8_t mini_watch_write[], mini_watch_read[];   /* behind the accesses */

/* Handlers. Each counts in the page of handlers' data. */
extern const uint8_t mini_on_debug[], mini_on_nmi[], mini_on_int3[], mini_on_fault[];

/* The page of handlers' data, in words of 8 bytes. */
enum { MINI_DEBUGS, MINI_NMIS, MINI_INT3S, MINI_FAULTS, MINI_FAULT_RIP, MINI_FAULT_FLAGS, MINI_DEBUG_RIP };

/* A vCPU's page of data, in words. */
enum { MINI_STOP, MINI_CELL, MINI_ROUNDS };

enum {
    MINI_CODE_AT = 0x100000,
    MINI_CAVES_AT = 0x140000,
    MINI_DATA_AT = 0x200000,
    MINI_HANDLERS_AT = 0x280000,
    MINI_WATCHED_AT = 0x281000,
    MINI_STACKS_AT = 0x300000,
    MINI_ABSENT_AT = 0x500000,
    MINI_ABSENT_ENTRY_AT = 0x4000 + 0x100 * 8,
};

#endif
