/* How QEMU's ioctl calls come to the shim while a client is there: it puts itself in QEMU's table of functions (GOT). At other times QEMU's calls
 * go where they would without it, and cost what they would. */
#ifndef VMI_HOOK_H
#define VMI_HOOK_H

#include <stdbool.h>

/* Patches the main program's table. False where it has no entry for ioctl that can be changed. Once, until it is removed. */
bool vmi_hook_install(void);

/* Whether no thread is in the shim on its way to the kernel, but for vCPUs in KVM_RUN (vmi_vcpu.h). */
bool vmi_hook_is_left(void);

/* Puts the entry back. True where none of ours is left. Who is on his way through the hook still comes back through it. */
bool vmi_hook_remove(void);

#endif
