/* The helpers as a program calls them: arguments are checked here, and what remains is asked of the host. */
#ifndef VMI_HELPERS_H
#define VMI_HELPERS_H

#include "vmi_program.h"

/* Static ids (RFC 9669, section 4.3.1); what each does is told in VmiPl.Engine/Compilation/Bytecode/Helper.cs. */
enum vmi_helper {
    VMI_HELPER_READ_REGISTER = 1,
    VMI_HELPER_READ_VIRTUAL = 2,
    VMI_HELPER_READ_PHYSICAL = 3,
    VMI_HELPER_WRITE_VIRTUAL = 4,
    VMI_HELPER_TRANSLATE = 5,
    VMI_HELPER_READ_STRING = 6,
    VMI_HELPER_EMIT = 7,
    VMI_HELPER_PAUSE = 8,
    VMI_HELPER_SELECT_BODY = 9,
    VMI_HELPER_READ_EXIT_FIELD = 10,
    VMI_HELPER_CURRENT_VCPU = 11,
};

/* What a run's helpers work with. */
struct vmi_helper_scope {
    const struct vmi_host_ops *ops;
    void *host;
    uint8_t *memory;            /* program memory and its size */
    uint64_t bytes;
    uint64_t registers;         /* as in the program's image */
    uint32_t schemas;
    uint32_t left;              /* of the budget, behind the call itself */
};

bool vmi_helper_exists(int32_t id);

/* Runs a helper with its arguments in r1 to r5; its result goes to r0, and r1 to r5 become 0. VMI_END_FINISHED where the program goes on;
 * then, and only then, registers are changed. Takes from `left` what its bytes count: all of it, where that is not enough. */
enum vmi_end vmi_helper_call(struct vmi_helper_scope *scope, int32_t id, uint64_t *r);

#endif
