/* "insmod NAME" and "rmmod NAME" of a module that lies in the first root file system, and "module VERB N [CPU]": work of the
 * test module vmipl_test, done by a process on that CPU (0, if none is named); the answer is the module's own. */
#include "workload.h"

enum { O_NONBLOCK = 04000 };

int insmod(const char *arguments, char *reply)
{
    char path[100];
    if (length(arguments) > 60)
        return -1;
    put(put(put(path, "/modules/"), arguments), ".ko");
    long fd = SYS_3(open, path, O_RDONLY | O_CLOEXEC, 0), result = fd < 0 ? fd : SYS_3(finit_module, fd, "", 0);
    if (fd >= 0)
        SYS_1(close, fd);
    if (result < 0)
        fact(reply, "error", (u32)-result);
    return result < 0 ? -1 : 0;
}

int rmmod(const char *arguments, char *reply)
{
    long result = SYS_2(delete_module, arguments, O_NONBLOCK);
    if (result < 0)
        fact(reply, "error", (u32)-result);
    return result < 0 ? -1 : 0;
}

int module(const char *arguments, char *reply)
{
    static const char file[] = "/proc/vmipl_test";
    volatile long *told = shared_page();
    const char *count = next(arguments), *cpu = next(count);
    long pid = fork_on((int)number(cpu));
    if (pid == 0) {
        long fd = SYS_3(open, file, O_WRONLY | O_CLOEXEC, 0);
        word size = (word)((*cpu ? cpu : count + length(count)) - arguments);
        *told = fd < 0 ? fd : SYS_3(write, fd, arguments, size);
        SYS_1(exit_group, 0);
    }
    if (ended(pid) != 0 || *told < 0) {
        fact(reply, "error", (u32)-*told);
        return -1;
    }
    long size = read_file(file, reply, 500);
    return size < 0 ? -1 : 0;
}
