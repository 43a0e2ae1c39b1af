/* The thread that serves the client. It alone changes what is at work; QEMU's threads only tell it things. */
#ifndef VMI_CONTROL_H
#define VMI_CONTROL_H

#include <stdbool.h>

/* Starts the thread, once; and ends it, with the client's session, waiting for it. False where that cannot be done: then all goes on as it was. */
bool vmi_control_start(void);
bool vmi_control_end(void);
bool vmi_control_is_started(void);

/* Has it look for what there is to tell. Any thread. */
void vmi_control_wake(void);

/* Has the vCPUs come out for a thread of QEMU's, which waits for them: none of them waits for the client meanwhile. Between vmi_world_lock and
 * vmi_world_go. */
bool vmi_control_bring_out(void);

/* Takes the traps out of memory where no vCPU runs, until one does. Any thread that is not inside. */
void vmi_control_lift(void);

#endif
