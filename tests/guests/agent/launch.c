/* Starting processes and knowing when they are what they should be: every child holds the write end of one pipe as
 * READY_FD and closes it when its own preparations are done, so that the reader's end of file means "all ready". */
#include "agent.h"

static int ready[2];

void ready_begin(void)
{
    SYS_2(pipe2, ready, O_CLOEXEC);
}

void ready_wait(void)
{
    char byte;
    SYS_1(close, ready[1]);
    while (SYS_3(read, ready[0], &byte, 1) > 0)
        ;
    SYS_1(close, ready[0]);
}

/* Turns the calling process into the program. */
void become(const struct launch *what)
{
    char *argv[] = { (char *)what->path, (char *)(what->role ? what->role : ""), 0 };
    char *envp[] = { "PATH=/usr/bin:/bin", 0 };
    if (!what->role)
        argv[1] = 0;
    SYS_2(dup2, ready[1], READY_FD);
    if (what->cpu >= 0) {
        u32 mask[4] = { 0 };
        mask[what->cpu / 32 % 4] = 1u << (what->cpu % 32);
        SYS_3(sched_setaffinity, 0, sizeof mask, mask);
    }
    SYS_2(setgroups, 0, 0);
    SYS_1(setgid, what->gid);
    SYS_1(setuid, what->uid);
    long error = what->file ? SYS_5(execveat, what->file, "", argv, envp, AT_EMPTY_PATH)
                            : SYS_3(execve, what->path, argv, envp);
    complain("cannot execute", what->path, error);
    SYS_1(exit_group, 127);
    __builtin_unreachable();
}

long clone_with(long flags)
{
    return SYS_5(clone, flags | SIGCHLD, 0, 0, 0, 0);
}

long launch(const struct launch *what)
{
    long pid = SYS_0(fork);
    if (pid == 0)
        become(what);
    return pid;
}
