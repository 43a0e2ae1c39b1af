/* "sysctl write PATH VALUE N" writes VALUE, VALUE+1 … to a file below /proc/sys, "sysctl read PATH N" reads it: each time by
 * exactly one write(2) or read(2) at the file's beginning. Answers how often and the last value. */
#include "workload.h"

int sysctl(const char *arguments, char *reply)
{
    char path[200], text[32];
    int writing = starts(arguments, "write ");
    const char *name = next(arguments), *rest = next(name);
    word size = 0;
    if (!writing && !starts(arguments, "read "))
        return -1;
    while (name[size] && name[size] != ' ' && size < sizeof path - 1)
        size++;
    memcpy(path, name, size);
    path[size] = 0;
    u32 value = writing ? (u32)number(rest) : 0, count = (u32)number(writing ? next(rest) : rest);
    long fd = SYS_3(open, path, (writing ? O_WRONLY : O_RDONLY) | O_CLOEXEC, 0), n = fd;
    for (u32 i = 0; i < count && n >= 0; i++) {
        SYS_3(lseek, fd, 0, 0);
        if (writing)
            n = SYS_3(write, fd, text, put_number(text, value + i) - text);
        else if ((n = SYS_3(read, fd, text, sizeof text - 1)) >= 0)
            text[n] = 0;
    }
    if (fd >= 0)
        SYS_1(close, fd);
    reply = fact(reply, n < 0 ? "error" : "count", n < 0 ? (u32)-n : count);
    fact(reply, "last", count && n >= 0 ? (u32)number(text) : 0);
    return n < 0 ? -1 : 0;
}
