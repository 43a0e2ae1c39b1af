#include <stdio.h>
#include <string.h>

#include "status.h"

bool vmi_status_read(pid_t pid, struct vmi_status *status)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    *status = (struct vmi_status){ .kernel_thread = true };
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "State: %c", &status->state);
        sscanf(line, "Tgid: %d", &status->group);
        sscanf(line, "TracerPid: %d", &status->tracer);
        sscanf(line, "Uid: %*u %u", &status->user);
        /* A kernel thread has no memory of its own; neither has a process that has ended. */
        if (strncmp(line, "VmSize:", 7) == 0)
            status->kernel_thread = false;
    }
    fclose(file);
    return status->group != 0;
}
