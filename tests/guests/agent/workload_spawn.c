/* "spawn N [parallel K]": N processes that only end, K at a time. Process i ends by exit_group(i % 128), by SIGKILL to itself,
 * or by exit(i % 128), for i % 3 = 0, 1, 2. "spawned" writes their ids, in the order of their making, to the disk. */
#include "workload.h"

enum { MOST = 65536, MOST_AT_ONCE = 64 };

static u32 pids[MOST];
static u32 count;

static long make(word i)
{
    long pid = SYS_0(fork);
    if (pid)
        return pid;
    if (i % 3 == 0)
        SYS_1(exit_group, i % 128);
    if (i % 3 == 1)
        SYS_2(kill, SYS_0(getpid), SIGKILL);
    SYS_1(exit, i % 128);
    __builtin_unreachable();
}

/* The wait status: a signal in the low byte, an exit code in the next. */
static long expected(word i)
{
    return i % 3 == 1 ? SIGKILL : (long)(i % 128) << 8;
}

int spawn(const char *arguments, char *reply)
{
    word wanted = number(arguments), at_once = starts(next(arguments), "parallel ") ? number(next(next(arguments))) : 1;
    u32 wrong = 0;
    if (wanted > MOST || at_once == 0 || at_once > MOST_AT_ONCE) {
        put(reply, "at most 65536, 64 at once");
        return -1;
    }
    for (count = 0; count < wanted;) {
        u32 first = count;
        while (count < wanted && count - first < at_once) {
            long pid = make(count);
            if (pid < 0)
                return -1;
            pids[count++] = (u32)pid;
        }
        for (u32 i = first; i < count; i++)
            wrong += ended((long)pids[i]) != expected(i);
    }
    reply = fact(reply, "count", count);
    reply = fact(reply, "first", count ? pids[0] : 0);
    reply = fact(reply, "last", count ? pids[count - 1] : 0);
    return wrong ? -1 : 0;
}

int spawned(const char *arguments, char *reply)
{
    (void)arguments;
    disk_rewind();
    disk_add("spawned", pids, count * sizeof *pids);
    put_number(reply, disk_finish());
    return 0;
}
