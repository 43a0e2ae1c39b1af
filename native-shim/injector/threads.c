#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "outcome.h"
#include "stack.h"
#include "threads.h"

enum { THREADS = 65536, STOP_US = 2000000 };

struct thread {
    pid_t id;
    int signal;     /* to be handed on when it goes on */
    bool ended;
};

struct threads {
    struct thread *list;
    size_t count;
};

static bool is_known(const struct threads *threads, pid_t id)
{
    for (size_t i = 0; i < threads->count; i++)
        if (threads->list[i].id == id)
            return true;
    return false;
}

/* A thread that the kernel has made in the process for work of its own (io_uring's workers, vhost's, KVM's): it never runs the process's code, and may
   wait where it does not stop, for a disk. It has neither a stack nor a place in the code (copy_thread in arch/x86/kernel/process.c, since Linux 5.12),
   and /proc ends with these two; of one that is at work it only says so, and is_outside sees it. */
static bool is_kernels_own(pid_t process, pid_t id)
{
    static const char none[] = " 0x0 0x0\n";
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", process, id);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(line, 1, sizeof line, file);
    fclose(file);
    return length >= sizeof none - 1 && memcmp(line + length - (sizeof none - 1), none, sizeof none - 1) == 0;
}

/* Takes those over that are new; whether there were any. */
static bool take_new(const struct vmi_target *target, struct threads *threads)
{
    char path[64];
    bool any = false;
    snprintf(path, sizeof path, "/proc/%d/task", target->pid);
    DIR *folder = opendir(path);
    if (!folder)
        vmi_fail(VMI_NO_PROCESS, "process %d has ended", target->pid);
    for (struct dirent *entry; (entry = readdir(folder));) {
        pid_t id = atoi(entry->d_name);
        if (id <= 0 || is_known(threads, id) || threads->count == THREADS)
            continue;
        /* One that was not stopped is none to wait for: it counts as ended. */
        bool is_ours = !is_kernels_own(target->pid, id);
        if (is_ours && id != target->pid && !vmi_tracee_seize(id)) {
            if (errno == ESRCH)
                continue;
            vmi_fail(VMI_NOT_PERMITTED, "thread %d of process %d can't be traced: %m", id, target->pid);
        }
        if (is_ours)
            vmi_tracee_interrupt(id);
        threads->list[threads->count++] = (struct thread){ .id = id };
        any = true;
    }
    closedir(folder);
    return any;
}

static void stop_all(const struct vmi_target *target, struct threads *threads)
{
    int64_t deadline = vmi_now_us() + STOP_US;
    size_t stopped = 0;
    while (take_new(target, threads)) {
        for (; stopped < threads->count; stopped++) {
            struct thread *thread = &threads->list[stopped];
            enum vmi_stop stop = vmi_tracee_wait(thread->id, &thread->signal, deadline);
            if (stop == VMI_STOP_NONE)
                vmi_fail(VMI_NOT_SAFE, "thread %d of process %d does not stop (it waits in the kernel): try again later", thread->id, target->pid);
            thread->ended = stop == VMI_STOP_GONE;
        }
    }
}

static bool is_outside(const struct vmi_target *target, const struct thread *thread, uint64_t start, uint64_t end)
{
    struct user_regs_struct registers;
    if (thread->ended || !vmi_tracee_registers(thread->id, &registers) || (registers.rip == 0 && registers.rsp == 0))
        return true;
    return (registers.rip < start || registers.rip >= end) && !vmi_stack_points_into(&target->memory, registers.rsp, start, end);
}

bool vmi_threads_outside(struct vmi_target *target, uint64_t start, uint64_t end)
{
    struct threads threads = { .list = calloc(THREADS, sizeof *threads.list) };
    if (!threads.list)
        vmi_fail(VMI_BROKEN, "no memory");
    int64_t since = vmi_now_us();
    stop_all(target, &threads);
    bool outside = true;
    for (size_t i = 0; i < threads.count; i++)
        outside = outside && is_outside(target, &threads.list[i], start, end);
    for (size_t i = 0; i < threads.count; i++)
        vmi_tracee_resume(threads.list[i].id, threads.list[i].id == target->pid ? PTRACE_CONT : PTRACE_DETACH, threads.list[i].signal);
    free(threads.list);
    target->away_us += vmi_now_us() - since;
    return outside;
}
