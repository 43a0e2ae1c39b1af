#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "channel.h"
#include "outcome.h"
#include "run.h"

enum { PAGE = 4096, NO_EXECUTION = 8 };   /* MFD_NOEXEC_SEAL, 6.3: it concerns execve, not mmap */

static bool is_named_so(const char *link)
{
    char path[64];
    ssize_t length = readlink(link, path, sizeof path);
    return length == (ssize_t)strlen(VMI_CHANNEL_PATH) && memcmp(path, VMI_CHANNEL_PATH, (size_t)length) == 0;
}

/* -1 where the target has none. */
static int find(pid_t pid)
{
    char path[64], link[320];
    int number = -1;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *folder = opendir(path);
    if (!folder)
        vmi_fail(VMI_BROKEN, "%s can't be read: %m", path);
    for (struct dirent *entry; number < 0 && (entry = readdir(folder));) {
        snprintf(link, sizeof link, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.' && is_named_so(link))
            number = atoi(entry->d_name);
    }
    closedir(folder);
    return number;
}

static int create(struct vmi_target *target, unsigned flags)
{
    struct vmi_trampoline trampoline = vmi_trampoline_make();
    trampoline.operation = VMI_OPERATION_SYSCALL;
    trampoline.function = SYS_memfd_create;
    trampoline.arguments[0] = vmi_run_path(target);
    trampoline.arguments[1] = flags;
    snprintf(trampoline.path, sizeof trampoline.path, "%s", VMI_CHANNEL_NAME);
    return (int)vmi_run_syscall(target, &trampoline);
}

/* A hostile target may put any file there between two looks: what was opened must be the memory file, before a byte is written. */
static int open_here(pid_t pid, int number)
{
    char path[64], own[64];
    struct stat facts;
    struct statfs system;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, number);
    int fd = is_named_so(path) ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        vmi_fail(VMI_UNSUITABLE, "the memory file of process %d can't be opened (%s): %m", pid, path);
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    if (!is_named_so(own) || fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_nlink != 0 || fstatfs(fd, &system) != 0
        || system.f_type != TMPFS_MAGIC)
        vmi_fail(VMI_UNSUITABLE, "process %d has put another file in the place of its memory file: it is hostile, or closes files that it does not know", pid);
    return fd;
}

struct vmi_channel vmi_channel_open(struct vmi_target *target)
{
    struct vmi_channel channel = { .number = find(target->pid) };
    if (channel.number < 0)
        channel.number = create(target, MFD_CLOEXEC | NO_EXECUTION);
    if (channel.number == -EINVAL)
        channel.number = create(target, MFD_CLOEXEC);
    if (channel.number < 0)
        vmi_fail(VMI_UNSUITABLE, "process %d can't make a memory file (memfd_create: %s): its seccomp filter forbids it, or it has no file descriptor or "
            "memory left", target->pid, strerror(-channel.number));
    channel.fd = open_here(target->pid, channel.number);
    if (ftruncate(channel.fd, 0) != 0 || ftruncate(channel.fd, PAGE) != 0)
        vmi_fail(VMI_BROKEN, "the memory file of process %d can't be written: %m", target->pid);
    return channel;
}

void vmi_channel_put(struct vmi_channel *channel, const void *bytes, size_t size)
{
    /* What is reported must not touch a page that is mapped as the library's. */
    channel->report_offset = (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    bool done = ftruncate(channel->fd, (off_t)(channel->report_offset + PAGE)) == 0;
    for (size_t at = 0; done && at < size;) {
        ssize_t put = pwrite(channel->fd, (const char *)bytes + at, size - at, (off_t)at);
        done = put > 0;
        at += done ? (size_t)put : 0;
    }
    if (!done)
        vmi_fail(VMI_BROKEN, "the memory file of the process can't be written: %m");
}

void vmi_channel_clear(const struct vmi_channel *channel)
{
    static const struct vmi_report nothing;
    if (pwrite(channel->fd, &nothing, sizeof nothing, (off_t)channel->report_offset) != sizeof nothing)
        vmi_fail(VMI_BROKEN, "the memory file of the process can't be written: %m");
}

bool vmi_channel_report(const struct vmi_channel *channel, struct vmi_report *report)
{
    if (pread(channel->fd, report, sizeof *report, (off_t)channel->report_offset) != sizeof *report || report->done != 1)
        return false;
    size_t length = report->text_bytes < VMI_REPORT_TEXT ? report->text_bytes : VMI_REPORT_TEXT - 1;
    report->text[length] = '\0';
    return true;
}

void vmi_channel_close(struct vmi_target *target, const struct vmi_channel *channel)
{
    struct vmi_trampoline trampoline = vmi_trampoline_make();
    trampoline.operation = VMI_OPERATION_SYSCALL;
    trampoline.function = SYS_close;
    trampoline.arguments[0] = (uint64_t)channel->number;
    vmi_run_syscall(target, &trampoline);
}
