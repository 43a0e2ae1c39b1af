/* vmi-inject: loads a shared library into a running process (QEMU), and takes it out again.
 *
 *     vmi-inject load PID LIBRARY
 *     vmi-inject unload PID
 *
 * Exit codes: outcome.h. What the library must be: library.h. The process never depends on us: we may be killed at any moment, and
 * it goes on as if nothing had been (an epoll_wait may return EINTR, as after a SIGCONT); the next run cleans what is left. How, in
 * the order of the work: target.h, pause.h, trampoline.h, run.h, channel.h. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "outcome.h"

static pid_t parse_process(const char *text)
{
    char *end;
    errno = 0;
    long pid = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end || pid <= 0 || pid > INT_MAX)
        vmi_fail(VMI_USAGE, "'%s' is no process id", text);
    return (pid_t)pid;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "load") == 0)
        vmi_load(parse_process(argv[2]), argv[3]);
    else if (argc == 3 && strcmp(argv[1], "unload") == 0)
        vmi_unload(parse_process(argv[2]));
    else
        vmi_fail(VMI_USAGE, "usage: vmi-inject load PID LIBRARY | vmi-inject unload PID");
    return VMI_DONE;
}
