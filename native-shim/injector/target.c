#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libc.h"
#include "outcome.h"
#include "permission.h"
#include "room.h"
#include "status.h"
#include "target.h"

static void check_program(pid_t pid)
{
    char path[64];
    unsigned char header[20];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        vmi_fail(errno == ENOENT || errno == ESRCH ? VMI_NO_PROCESS : VMI_NOT_PERMITTED, "the program of process %d can't be read (%s): %m", pid, path);
    bool whole = pread(fd, header, sizeof header, 0) == sizeof header;
    close(fd);
    if (!whole || memcmp(header, ELFMAG, SELFMAG) != 0)
        vmi_fail(VMI_UNSUITABLE, "process %d runs no ELF program", pid);
    if (header[EI_CLASS] != ELFCLASS64)
        vmi_fail(VMI_UNSUITABLE, "process %d is a 32-bit program: only 64-bit ones can be helped", pid);
    if (header[18] != EM_X86_64 || header[19] != 0)
        vmi_fail(VMI_UNSUITABLE, "process %d is no x86-64 program", pid);
}

struct vmi_target vmi_target_open(pid_t pid)
{
    struct vmi_target target = { .pid = pid };
    struct vmi_status status;
    if (!vmi_status_read(pid, &status) || status.state == 'Z' || status.state == 'X')
        vmi_fail(VMI_NO_PROCESS, "there is no process %d", pid);
    if (status.group != pid)
        vmi_fail(VMI_NO_PROCESS, "%d is a thread of process %d: name the process", pid, status.group);
    if (status.kernel_thread)
        vmi_fail(VMI_UNSUITABLE, "%d is a thread of the kernel", pid);
    vmi_tracee_prepare();
    if (!vmi_tracee_seize(pid))
        vmi_permission_fail(pid, errno);
    check_program(pid);
    target.memory = vmi_memory_open(pid);
    target.maps = vmi_maps_read(pid);
    const struct vmi_mapping *stack = vmi_maps_named(&target.maps, "[stack]");
    if (!stack)
        vmi_fail(VMI_UNSUITABLE, "process %d has no main stack", pid);
    target.stack_start = stack->start;
    target.stack_end = stack->end;
    vmi_libc_find(&target);
    vmi_room_find(&target);
    return target;
}
