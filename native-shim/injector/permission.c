#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "outcome.h"
#include "permission.h"
#include "status.h"

static bool may_trace_all(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    return syscall(SYS_capget, &header, data) == 0 && data[0].effective & 1U << CAP_SYS_PTRACE;
}

/* -1 where the kernel has no Yama. */
static int yama_scope(void)
{
    int scope = -1;
    FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    if (!file)
        return scope;
    if (fscanf(file, "%d", &scope) != 1)
        scope = -1;
    fclose(file);
    return scope;
}

/* What belongs to root in /proc though the process does not has changed its user, or may not be dumped. */
static bool is_dumpable(pid_t pid, const struct vmi_status *status)
{
    char path[64];
    struct stat facts;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    return stat(path, &facts) != 0 || facts.st_uid == status->user;
}

_Noreturn void vmi_permission_fail(pid_t pid, int error)
{
    struct vmi_status status;
    if (error == ESRCH || !vmi_status_read(pid, &status) || status.state == 'Z' || status.state == 'X')
        vmi_fail(VMI_NO_PROCESS, "there is no process %d (any more)", pid);
    if (status.tracer != 0)
        vmi_fail(VMI_NOT_PERMITTED, "process %d is already traced by process %d, a debugger or another vmi-inject: let that end first", pid, status.tracer);
    int scope = yama_scope();
    bool all = may_trace_all();
    if (scope == 3)
        vmi_fail(VMI_NOT_PERMITTED, "kernel.yama.ptrace_scope is 3: nothing may be traced on this host until it is booted with another value");
    if (all)
        vmi_fail(VMI_NOT_PERMITTED, "process %d can't be traced in spite of CAP_SYS_PTRACE (%s): it is in another user namespace, or a security module "
            "(SELinux, AppArmor) forbids it; see the host's audit log", pid, strerror(error));
    if (status.user != geteuid())
        vmi_fail(VMI_NOT_PERMITTED, "process %d belongs to user %u, and this is user %u without CAP_SYS_PTRACE: run as that user or as root", pid,
            status.user, geteuid());
    if (scope > 0)
        vmi_fail(VMI_NOT_PERMITTED, "kernel.yama.ptrace_scope is %d: process %d can be traced only with CAP_SYS_PTRACE (as root)%s", scope, pid,
            scope == 1 ? ", or where the value is 0" : "");
    if (!is_dumpable(pid, &status))
        vmi_fail(VMI_NOT_PERMITTED, "process %d has changed its user or capabilities since it started, so only CAP_SYS_PTRACE (root) may trace it", pid);
    vmi_fail(VMI_NOT_PERMITTED, "process %d can't be traced (%s) without CAP_SYS_PTRACE: it has more capabilities, is in another user namespace, or "
        "a security module forbids it; run as root", pid, strerror(error));
}
