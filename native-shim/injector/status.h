/* What /proc tells of a process without any right to look into it. */
#ifndef VMI_STATUS_H
#define VMI_STATUS_H

#include <stdbool.h>
#include <sys/types.h>

struct vmi_status {
    char state;        /* 'Z' and 'X': it has ended */
    pid_t group;       /* the process of a thread; its own id for a process */
    pid_t tracer;      /* 0: none */
    uid_t user;        /* effective */
    bool kernel_thread;
};

/* False where there is no such process. */
bool vmi_status_read(pid_t pid, struct vmi_status *status);

#endif
