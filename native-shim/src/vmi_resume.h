/* Executes the instruction that a site has displaced, so that the guest goes on as if there were no trap. On the vCPU's thread, inside; or by
 * whoever has stopped the world. */
#ifndef VMI_RESUME_H
#define VMI_RESUME_H

#include "vmi_world.h"

/* Does it, or has the next runs do it by a single step: then `step.active` is set. The vCPU stands at the site. `sees_after`: its end must be
 * seen. */
void vmi_resume(struct vmi_vcpu *vcpu, const struct vmi_site *site, bool sees_after);

/* The trap that the vCPU stands at is there no longer: it goes on with the instruction in its place. */
void vmi_resume_in_place(struct vmi_vcpu *vcpu);

/* A debug exit has come while a step was active: whether the step is over. The guest goes on from where it stands then, and `*is_done` says
 * whether the instruction has been executed: else it faulted, and will be met again. */
bool vmi_resume_step_is_over(struct vmi_vcpu *vcpu, bool *is_done);

/* Gives up a step that has not been taken: the vCPU goes back before the site, whose event has been dealt with. */
void vmi_resume_undo_step(struct vmi_vcpu *vcpu);

#endif
