/* What a vCPU asks the client, held until it answers, for a bounded time. The vCPU is outside meanwhile: the client may change what is at
 * work. */
#ifndef VMI_CALL_H
#define VMI_CALL_H

#include "vmi_world.h"

/* Calls the client for a site of its own. Its answer (enum vmi_answer); 0 where none came. */
uint32_t vmi_call_client(struct vmi_vcpu *vcpu, const struct vmi_site *site);

/* Whether the access that a vCPU stands behind was a read: by the instruction, which the client decodes once. True where nobody can say: an
 * event too many is seen to be one, one too few is not. */
bool vmi_call_read(struct vmi_vcpu *vcpu, const struct vmi_site *site);

/* The event is over and a program wants the machine paused: tells the client, and has vmi_call_await_pause hold the vCPU. */
void vmi_call_pause(struct vmi_vcpu *vcpu);

/* Holds a vCPU that is outside until QEMU wants its thread to stop, the client lets it go, or its time is up. False: QEMU wants it. */
bool vmi_call_await_pause(struct vmi_vcpu *vcpu);

/* The client's answer to the call or pause of that number. */
void vmi_call_answer(struct vmi_vcpu *vcpu, uint32_t number, uint32_t answer);

/* What was learnt of instructions holds no longer. The world is stopped. */
void vmi_call_forget(void);

#endif
