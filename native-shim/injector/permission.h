/* Why the kernel does not let us trace a process (ptrace(2), "Ptrace access mode checking"). */
#ifndef VMI_PERMISSION_H
#define VMI_PERMISSION_H

#include <sys/types.h>

/* Ends the program with what stands in the way, as far as it can be told from here. */
_Noreturn void vmi_permission_fail(pid_t pid, int error);

#endif
