/* Executes the instruction that a site has displaced, so that the guest goes on as if there were no trap. On the vCPU's thread, inside. */
#ifndef VMI_RESUME_H
#define VMI_RESUME_H

#include "vmi_world.h"

/* Does it, or has the next runs do it by a single step: then `step.active` is set. The vCPU stands at the site. */
void vmi_resume(struct vmi_vcpu *vcpu, const struct vmi_site *site, bool sees_after);

/* A debug exit has come while a step was active: whether the step is over. RIP is where the guest goes on then, and `*is_done` says whether the
 * instruction has been executed (else it faulted, and will be met again). */
bool vmi_resume_step_is_over(struct vmi_vcpu *vcpu, bool *is_done);

#endif
