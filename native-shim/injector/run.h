/* Sending the main thread through a trampoline, and waiting until it is back. */
#ifndef VMI_RUN_H
#define VMI_RUN_H

#include "channel.h"
#include "target.h"
#include "trampoline.h"

/* How long we look for a safe moment, and how long we wait for what is called then. */
enum { VMI_SAFE_US = 5000000, VMI_CALL_US = 30000000 };

/* A string that a trampoline of this target has in its `path` lies there. */
uint64_t vmi_run_path(const struct vmi_target *target);

/* Waits for a run that was killed before it had come to its end, and cleans up after it. Only then can be told what it has done. */
void vmi_run_settle(struct vmi_target *target);

/* Runs one system call: `function` and its arguments in the trampoline. Returns its result, -errno where it failed. */
int64_t vmi_run_syscall(struct vmi_target *target, struct vmi_trampoline *trampoline);

/* Runs a function of the target, and returns what it reports through the channel. */
struct vmi_report vmi_run_call(struct vmi_target *target, struct vmi_trampoline *trampoline, const struct vmi_channel *channel);

#endif
