/* How QEMU's ioctl calls come to the shim: it stands in for libc's ioctl where it was there before QEMU (LD_PRELOAD), and puts itself in
 * QEMU's table of functions (GOT) where it comes later. */
#ifndef VMI_HOOK_H
#define VMI_HOOK_H

#include <stdbool.h>

/* Patches the main program's table. False where it has no entry for ioctl that can be changed. Once. */
bool vmi_hook_install(void);

/* Whether no thread is in the shim on its way to the kernel, but for vCPUs in KVM_RUN (vmi_vcpu.h). */
bool vmi_hook_is_left(void);

/* Puts the entry back. True where none of ours is left. */
bool vmi_hook_remove(void);

#endif
