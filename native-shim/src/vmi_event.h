/* What happens at an event: the uses of a site, or one probe's program. On the vCPU's thread, inside; or by whoever has stopped the world. */
#ifndef VMI_EVENT_H
#define VMI_EVENT_H

#include "vmi_world.h"

/* Begins and ends what is done at one exit: time is counted from here to there, for the probes that ran. `regs` of the vCPU are there. */
struct vmi_event { uint64_t start; uint32_t probes[VMI_MAX_SELECTIONS]; uint32_t count; };
void vmi_event_begin(struct vmi_vcpu *vcpu, struct vmi_event *event);
void vmi_event_end(struct vmi_vcpu *vcpu, struct vmi_event *event);

/* Runs the uses of a site: those before its instruction, or with `after` those behind it. The vCPU may go outside meanwhile, for a call of the
 * client's: then the site may be another's, or nobody's, afterwards. */
void vmi_event_uses(struct vmi_vcpu *vcpu, struct vmi_event *event, const struct vmi_site *site, bool after);

/* Runs a probe's body once, where it is switched on and not empty. */
void vmi_event_probe(struct vmi_vcpu *vcpu, struct vmi_event *event, const struct vmi_probe *probe);

/* Makes the memory of the programs that are laid out, all zero for those that are new. Inside, or with the world stopped. False without memory. */
bool vmi_event_prepare(struct vmi_vcpu *vcpu);

/* Hands out the records that the event has made so far. */
void vmi_event_flush(struct vmi_vcpu *vcpu);

/* Looks at the vCPU's address space anew, where a program may ask for it. */
void vmi_event_enter_space(struct vmi_vcpu *vcpu);

#endif
