#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>

#include "calls.h"
#include "clock.h"
#include "outcome.h"
#include "pause.h"
#include "room.h"
#include "stack.h"

/* What the kernel leaves in rax of a call that it means to restart itself (include/linux/errno.h). */
enum { RESTART_SYS = -512, RESTART_NO_INTERRUPT = -513, RESTART_NO_HAND = -514, RESTART_BLOCK = -516 };
enum { RED_ZONE = 128, USER_CODE = 0x33, STACK_GROWTH = 8 << 20 };

static bool is_after_syscall(const struct vmi_target *target, uint64_t rip)
{
    unsigned char code[2];
    return vmi_memory_read(&target->memory, rip - 2, code, 2) && code[0] == 0x0f && code[1] == 0x05;
}

/* A trampoline's frames, and a signal's above it, lie below the red zone of where it was entered, or, on another stack, lead back
   into it. */
static bool is_clear_of_room(const struct vmi_target *target, const struct user_regs_struct *registers)
{
    uint64_t start = target->room, end = target->room + target->room_bytes;
    return !target->occupied || ((registers->rip < start || registers->rip >= end) && registers->rsp + RED_ZONE > target->entry_rsp
        && !vmi_stack_points_into(&target->memory, registers->rsp, start, end));
}

/* At the end of a waiting call; -ENOSYS stands in rax at its begin. On the main stack, as a coroutine's may be too small for
   dlopen. It may have grown since we looked. */
static bool is_safe(const struct vmi_target *target, const struct user_regs_struct *registers)
{
    return registers->cs == USER_CODE && vmi_call_waits(registers->orig_rax) && registers->rax != (uint64_t)-ENOSYS
        && registers->rsp >= target->stack_start - STACK_GROWTH && registers->rsp < target->stack_end
        && is_after_syscall(target, registers->rip) && is_clear_of_room(target, registers);
}

typedef bool moment(const struct vmi_target *target, const struct user_regs_struct *registers);

/* Looks at each stop until it is the moment. A thread that works is followed from system call to system call, and interrupted
   as soon as it enters one that waits. False after the deadline; stopped tells then whether the whole process is. */
static bool pause_when(const struct vmi_target *target, moment *is_moment, struct user_regs_struct *registers, bool *stopped, int64_t deadline)
{
    *stopped = false;
    vmi_tracee_interrupt(target->pid);
    for (;;) {
        int signal;
        enum vmi_stop stop = vmi_tracee_wait(target->pid, &signal, deadline);
        if (stop == VMI_STOP_NONE)
            return false;
        if (stop == VMI_STOP_GONE || (stop != VMI_STOP_GROUP && !vmi_tracee_registers(target->pid, registers)))
            vmi_fail(VMI_NO_PROCESS, "process %d has ended", target->pid);
        *stopped = stop == VMI_STOP_GROUP;
        if (stop == VMI_STOP_SIGNAL) {
            vmi_tracee_resume(target->pid, PTRACE_SYSCALL, signal);
        } else if (stop == VMI_STOP_GROUP) {
            vmi_tracee_resume(target->pid, PTRACE_LISTEN, 0);
        } else if (is_moment(target, registers)) {
            return true;
        } else {
            vmi_tracee_resume(target->pid, PTRACE_SYSCALL, 0);
            if (stop == VMI_STOP_SYSCALL && vmi_call_waits(registers->orig_rax))
                vmi_tracee_interrupt(target->pid);
        }
    }
}

struct user_regs_struct vmi_pause_safely(struct vmi_target *target, int64_t deadline)
{
    struct user_regs_struct registers;
    bool stopped;
    if (pause_when(target, is_safe, &registers, &stopped, deadline)) {
        if (target->occupied)
            vmi_room_clean(target);
        return registers;
    }
    if (stopped)
        vmi_fail(VMI_NOT_SAFE, "process %d is stopped (SIGSTOP, or a shell's job control): let it go on (SIGCONT) and try again", target->pid);
    if (target->occupied)
        vmi_fail(VMI_NOT_SAFE, "the main thread of process %d has not come back yet from what it was sent to do; it will by itself: try again later", target->pid);
    vmi_fail(VMI_NOT_SAFE, "the main thread of process %d did not wait for work (poll and the like) within the time limit: it is busy, or "
        "waits for a lock; try again later", target->pid);
}

void vmi_pause_to_clean(struct vmi_target *target, int64_t deadline)
{
    struct user_regs_struct registers;
    bool stopped;
    if (!pause_when(target, is_clear_of_room, &registers, &stopped, deadline))
        return;
    int64_t since = vmi_now_us();
    vmi_room_clean(target);
    vmi_tracee_resume(target->pid, PTRACE_CONT, 0);
    target->away_us += vmi_now_us() - since;
}

/* The same call once more, with all arguments as they were. One that is to go on with the rest of its time (poll, nanosleep) has
   its state in the kernel, and is entered as the kernel would do it. */
struct vmi_resumption vmi_pause_resumption(const struct user_regs_struct *registers)
{
    switch ((int64_t)registers->rax) {
    case RESTART_SYS: case RESTART_NO_INTERRUPT: case RESTART_NO_HAND:
        return (struct vmi_resumption){ .rip = registers->rip - 2, .rax = registers->orig_rax, .is_restarted = true };
    case RESTART_BLOCK:
        return (struct vmi_resumption){ .rip = registers->rip - 2, .rax = SYS_restart_syscall, .is_restarted = true };
    default:
        return (struct vmi_resumption){ .rip = registers->rip, .rax = registers->rax };
    }
}
