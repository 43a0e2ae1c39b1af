/* Instructions that are executed once more, though their event has been dealt with: one that faulted in its cave goes on at its site when
 * the fault is mended, on whatever vCPU. It is told by its registers. Any thread. */
#ifndef VMI_RETRY_H
#define VMI_RETRY_H

#include "vmi_vcpu.h"

/* The vCPU's `regs` are those with which the instruction at RIP will be met again. */
void vmi_retry_expect(struct vmi_vcpu *vcpu);

/* Whether that is now. True once. */
bool vmi_retry_is_now(struct vmi_vcpu *vcpu);

/* Whether any is awaited. */
bool vmi_retry_is_any(void);

/* None is, any more. */
void vmi_retry_forget(void);

#endif
