#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>

#include "clock.h"
#include "outcome.h"
#include "pause.h"
#include "room.h"
#include "run.h"

enum { LOOK_US = 200 };

uint64_t vmi_run_path(const struct vmi_target *target)
{
    return target->room + offsetof(struct vmi_trampoline, path);
}

static uint64_t entry_of(const struct vmi_target *target)
{
    return target->room + offsetof(struct vmi_trampoline, code);
}

/* Where a thread stands that has been sent off and has not run yet. */
static uint64_t start_of(const struct vmi_target *target, bool is_restarted)
{
    return entry_of(target) + (is_restarted ? VMI_TRAMPOLINE_RESTART : 0);
}

/* One PTRACE_SETREGS is all that ever changes the thread's way: before it nothing has happened, after it everything does, whether
   we live or not. A call that is to be restarted stays one: where a signal waits that the program wants to handle, the kernel ends the
   call with EINTR and does not enter the trampoline (arch_do_signal_or_restart, arch/x86/kernel/signal.c). At the end of any other,
   an orig_rax of -1 says that there is none. Returns the registers as they were. */
static struct user_regs_struct send_off(struct vmi_target *target, struct vmi_trampoline *trampoline, int64_t *since)
{
    struct user_regs_struct registers = vmi_pause_safely(target, vmi_now_us() + VMI_SAFE_US);
    *since = vmi_now_us();
    struct vmi_resumption resumption = vmi_pause_resumption(&registers);
    trampoline->rsp = registers.rsp;
    trampoline->fill = target->room_fill;
    trampoline->resume_rip = resumption.rip;
    trampoline->resume_rax = resumption.rax;
    trampoline->interrupted_rip = registers.rip;
    vmi_room_fill(target, trampoline);
    struct user_regs_struct there = registers;
    there.rip = start_of(target, resumption.is_restarted);
    if (!resumption.is_restarted)
        there.orig_rax = (uint64_t)-1;
    if (!vmi_tracee_set_registers(target->pid, &there))
        vmi_fail(VMI_NO_PROCESS, "process %d has ended", target->pid);
    return registers;
}

enum step { STEP_NONE, STEP_DONE, STEP_AGAIN };

/* At the end of the trampoline's system call. That of rt_sigreturn is seen there as well, behind a signal that was handled on the way: it leaves
   no call's number, and in rax what was there before. */
static bool is_at_end(const struct vmi_target *target, const struct vmi_trampoline *trampoline, const struct user_regs_struct *now)
{
    return trampoline->operation == VMI_OPERATION_SYSCALL && now->orig_rax == trampoline->function && now->rax != (uint64_t)-ENOSYS
        && now->rip > entry_of(target) && now->rip < target->room + target->room_bytes;
}

/* Deals with one stop on the way. A signal that was waiting when the thread was sent off belongs to the interrupted call, which
   has to tell of it: the thread is put back, as if nothing had been, and sent off another time. */
static enum step deal_with(struct vmi_target *target, const struct vmi_trampoline *trampoline, const struct user_regs_struct *before, int how, int64_t *result,
    int64_t deadline)
{
    int signal;
    struct user_regs_struct now;
    enum vmi_stop stop = vmi_tracee_wait(target->pid, &signal, deadline);
    if (stop == VMI_STOP_NONE)
        return STEP_NONE;
    if (stop == VMI_STOP_GROUP) {
        vmi_tracee_resume(target->pid, PTRACE_LISTEN, 0);
        return STEP_NONE;
    }
    if (stop == VMI_STOP_GONE || !vmi_tracee_registers(target->pid, &now))
        vmi_fail(VMI_NO_PROCESS, "process %d has ended", target->pid);
    if (stop == VMI_STOP_SIGNAL && now.rip == start_of(target, vmi_pause_resumption(before).is_restarted)) {
        vmi_tracee_set_registers(target->pid, before);
        vmi_tracee_resume(target->pid, PTRACE_CONT, signal);
        return STEP_AGAIN;
    }
    bool done = stop == VMI_STOP_SYSCALL && is_at_end(target, trampoline, &now);
    if (done)
        *result = (int64_t)now.rax;
    vmi_tracee_resume(target->pid, done ? PTRACE_CONT : how, signal);
    return done ? STEP_DONE : STEP_NONE;
}

_Noreturn static void give_up(const struct vmi_target *target)
{
    vmi_fail(VMI_NOT_SAFE, "process %d has not done yet what it was sent to do; it goes on with it by itself: try again later", target->pid);
}

void vmi_run_settle(struct vmi_target *target)
{
    if (target->occupied)
        vmi_pause_to_clean(target, vmi_now_us() + VMI_SAFE_US);
    if (target->occupied)
        give_up(target);
}

int64_t vmi_run_syscall(struct vmi_target *target, struct vmi_trampoline *trampoline)
{
    enum step step = STEP_AGAIN;
    int64_t since = 0, result = 0, deadline = vmi_now_us() + VMI_CALL_US;
    struct user_regs_struct before;
    while (step != STEP_DONE) {
        if (step == STEP_AGAIN) {
            before = send_off(target, trampoline, &since);
            vmi_tracee_resume(target->pid, PTRACE_SYSCALL, 0);
        }
        step = deal_with(target, trampoline, &before, PTRACE_SYSCALL, &result, deadline);
        if (step != STEP_DONE && vmi_now_us() >= deadline)
            give_up(target);
    }
    target->away_us += vmi_now_us() - since;
    vmi_pause_to_clean(target, vmi_now_us() + VMI_SAFE_US);
    return result;
}

struct vmi_report vmi_run_call(struct vmi_target *target, struct vmi_trampoline *trampoline, const struct vmi_channel *channel)
{
    enum step step = STEP_AGAIN;
    int64_t since = 0, none = 0, deadline = vmi_now_us() + VMI_CALL_US;
    struct user_regs_struct before;
    struct vmi_report report;
    trampoline->errno_location = target->errno_location;
    trampoline->channel = (uint64_t)channel->number;
    trampoline->report_offset = channel->report_offset;
    vmi_channel_clear(channel);
    do {
        if (step == STEP_AGAIN) {
            before = send_off(target, trampoline, &since);
            vmi_tracee_resume(target->pid, PTRACE_CONT, 0);
        }
        step = deal_with(target, trampoline, &before, PTRACE_CONT, &none, vmi_now_us() + LOOK_US);
        if (vmi_now_us() >= deadline)
            give_up(target);
    } while (step == STEP_AGAIN || !vmi_channel_report(channel, &report));
    target->away_us += vmi_now_us() - since;
    vmi_pause_to_clean(target, vmi_now_us() + VMI_SAFE_US);
    return report;
}
