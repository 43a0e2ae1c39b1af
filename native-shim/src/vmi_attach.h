/* The shim in QEMU's way, from a client's greeting to its end. At other times it is a thread that waits: no exit of the guest and no call of QEMU's
 * passes it, and nothing that QEMU does meanwhile is known to it. */
#ifndef VMI_ATTACH_H
#define VMI_ATTACH_H

/* Finds the process's machine and its vCPUs as they are now (/proc/self/fd), and puts the hook in. What it has found is in vmi_world.abilities:
 * no VMI_CAN_RUN where there is no machine, or no way to it. */
void vmi_attach(void);

/* Takes the hook out. vCPUs that are in the guest come back through it once more. */
void vmi_detach(void);

#endif
