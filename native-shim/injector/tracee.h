/* One thread under ptrace. It is seized, never attached to: it gets no signal, and when this program ends, however suddenly, the
   kernel lets it go on from where it is (kernel/ptrace.c, exit_ptrace). */
#ifndef VMI_TRACEE_H
#define VMI_TRACEE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/ptrace.h>
#include <sys/user.h>

enum vmi_stop {
    VMI_STOP_NONE,        /* it did not stop in time */
    VMI_STOP_INTERRUPT,   /* for vmi_tracee_interrupt */
    VMI_STOP_SYSCALL,     /* at the begin or end of a system call, after PTRACE_SYSCALL */
    VMI_STOP_SIGNAL,      /* a signal is about to be delivered: hand it on with vmi_tracee_resume */
    VMI_STOP_GROUP,       /* the whole process is stopped (SIGSTOP): PTRACE_LISTEN leaves it so */
    VMI_STOP_GONE,        /* the thread has ended */
};

/* Must come before the first wait: stops are told by SIGCHLD. */
void vmi_tracee_prepare(void);

/* Takes the thread over without stopping it. False with errno where that is not possible. */
bool vmi_tracee_seize(pid_t thread);

/* Asks it to stop. Harmless where it has ended. */
void vmi_tracee_interrupt(pid_t thread);

/* Waits for the next stop, at most until the deadline (vmi_now_us). signal, if not NULL, gets the one to be handed on, or 0. */
enum vmi_stop vmi_tracee_wait(pid_t thread, int *signal, int64_t deadline);

/* Lets a stopped thread go on: PTRACE_CONT, PTRACE_SYSCALL, PTRACE_LISTEN or PTRACE_DETACH. One that has been killed stays so. */
void vmi_tracee_resume(pid_t thread, int how, int signal);

/* The registers of a stopped thread. False where it has been killed meanwhile. */
bool vmi_tracee_registers(pid_t thread, struct user_regs_struct *registers);
bool vmi_tracee_set_registers(pid_t thread, const struct user_regs_struct *registers);

#endif
