/* Runs a program that must not outlive the host process that asked for it: `run FOLDER PROGRAM ARGUMENTS…`.
 * Standard input is a pipe that the asker holds open; its end of file (also when the asker is killed) ends the program
 * and removes the folder with the files in it; should this helper itself be killed, the kernel ends the program (PR_SET_PDEATHSIG counts for the forking thread,
 * which is the only one here). The first line of standard output is the program's process id. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int died[2];

static void on_child(int signal)
{
    (void)signal;
    if (write(died[1], "", 1) < 0)
        return;
}

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));)
        unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    rmdir(path);
}

/* In the KVM lab, on the last of its CPUs: see "The KVM lab" in the README of this folder's parent. */
static void stay_on_one_cpu(void)
{
    cpu_set_t all, one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof all, &all) != 0)
        return;
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && CPU_COUNT(&one) == 0; cpu--)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
}

int main(int argc, char **argv)
{
    if (argc < 3 || pipe2(died, O_CLOEXEC | O_NONBLOCK) != 0)
        return 126;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* Ctrl-C goes to the whole terminal group: the asker decides what it means. */
    signal(SIGCHLD, on_child);
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(126);
        setsid();
        signal(SIGPIPE, SIG_DFL);
        signal(SIGINT, SIG_DFL);
        if (getenv("VMIPL_LAB"))
            stay_on_one_cpu();
        int nothing = open("/dev/null", O_RDONLY);
        dup2(nothing, 0);
        dup2(2, 1);
        execvp(argv[2], argv + 2);
        fprintf(stderr, "cannot run %s: %s\n", argv[2], strerror(errno));
        _exit(127);
    }
    if (child < 0)
        return 126;
    printf("%d\n", (int)child);
    fflush(stdout);
    struct pollfd wait_for[2] = { { .fd = 0, .events = POLLIN }, { .fd = died[0], .events = POLLIN } };
    int status = 0, asked = 0;
    for (;;) {
        char byte;
        poll(wait_for, 2, -1);
        if (wait_for[1].revents && waitpid(child, &status, WNOHANG) == child)
            break;
        if (wait_for[1].revents && read(died[0], &byte, 1) < 0)
            continue;
        if (wait_for[0].revents && read(0, &byte, 1) <= 0 && !asked) {
            kill(child, SIGKILL);
            wait_for[0].fd = -1;
            asked = 1;
        }
    }
    if (asked)
        remove_folder(argv[1]);
    else if (WIFSIGNALED(status))
        fprintf(stderr, "ended by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
