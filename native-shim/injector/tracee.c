#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "calls.h"
#include "clock.h"
#include "tracee.h"

enum { ERESTARTNOHAND = 514 };

void vmi_tracee_prepare(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGCHLD, SIG_DFL);
}

bool vmi_tracee_seize(pid_t thread)
{
    return ptrace(PTRACE_SEIZE, thread, 0, PTRACE_O_TRACESYSGOOD) == 0;
}

void vmi_tracee_interrupt(pid_t thread)
{
    ptrace(PTRACE_INTERRUPT, thread, 0, 0);
}

static enum vmi_stop classify(int status, int *signal)
{
    if (!WIFSTOPPED(status))
        return VMI_STOP_GONE;
    int number = WSTOPSIG(status);
    if (status >> 16 == PTRACE_EVENT_STOP)
        return number == SIGTRAP ? VMI_STOP_INTERRUPT : VMI_STOP_GROUP;
    if (number == (SIGTRAP | 0x80))
        return VMI_STOP_SYSCALL;
    if (signal)
        *signal = number;
    return VMI_STOP_SIGNAL;
}

/* epoll_wait alone of the calls that wait for work tells of every interruption, ours too. Told to be restarted where no signal is to
   be handled, as poll is, it does not: ERESTARTNOHAND (include/linux/errno.h). */
static void hide_interruption(pid_t thread)
{
    struct user_regs_struct registers;
    if (!vmi_tracee_registers(thread, &registers) || registers.rax != (uint64_t)-EINTR || !vmi_call_is_epoll(registers.orig_rax))
        return;
    registers.rax = (uint64_t)-ERESTARTNOHAND;
    vmi_tracee_set_registers(thread, &registers);
}

enum vmi_stop vmi_tracee_wait(pid_t thread, int *signal, int64_t deadline)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    if (signal)
        *signal = 0;
    for (;;) {
        int status;
        pid_t got = waitpid(thread, &status, __WALL | WNOHANG);
        if (got == thread) {
            enum vmi_stop stop = classify(status, signal);
            if (stop == VMI_STOP_INTERRUPT || stop == VMI_STOP_SYSCALL)
                hide_interruption(thread);
            return stop;
        }
        if (got < 0)
            return VMI_STOP_GONE;
        int64_t left = deadline - vmi_now_us();
        if (left <= 0)
            return VMI_STOP_NONE;
        struct timespec time = { .tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000 };
        /* A signal that came for a stop seen already only makes the loop go round once more. */
        sigtimedwait(&set, NULL, &time);
    }
}

void vmi_tracee_resume(pid_t thread, int how, int signal)
{
    ptrace(how, thread, 0, (long)signal);
}

bool vmi_tracee_registers(pid_t thread, struct user_regs_struct *registers)
{
    return ptrace(PTRACE_GETREGS, thread, 0, registers) == 0;
}

bool vmi_tracee_set_registers(pid_t thread, const struct user_regs_struct *registers)
{
    return ptrace(PTRACE_SETREGS, thread, 0, registers) == 0;
}
