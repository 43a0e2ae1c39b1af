/* "load on|status|off": a background load that checks itself, one process per CPU. Each round works in memory, in a file, by
 * system calls and in a child process, with contents that depend on the round, and compares; an error is anything that is
 * not as it must be, a worker that is gone included. Worker i counts in its own slot of a page that init reads. */
#include "workload.h"

enum { MOST_WORKERS = 64, SIZE = 64 << 10, PIECE = 4 << 10, SLOTS_AT = 0x38100000 };
enum { IN_MEMORY = 1, IN_FILE = 2, IN_CALLS = 4, IN_PROCESS = 8, IS_GONE = 16 };

struct slot { volatile u32 rounds, errors, kinds, stop; };

static struct slot *const slots = (struct slot *)SLOTS_AT;
static long workers[MOST_WORKERS];
static u32 running;
static u32 content[SIZE / 4];
static u8 copy[PIECE];

/* Xorshift (Marsaglia 2003): every word of the content depends on the seed. */
static u32 fill(u32 seed)
{
    u32 sum = 0, x = seed * 2654435761u | 1;
    for (word i = 0; i < SIZE / 4; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        content[i] = x;
        sum = (sum << 1 | sum >> 31) ^ x;
    }
    return sum;
}

static u32 sum_up(void)
{
    u32 sum = 0;
    for (word i = 0; i < SIZE / 4; i++)
        sum = (sum << 1 | sum >> 31) ^ content[i];
    return sum;
}

static int file_differs(const char *path)
{
    long fd = SYS_3(open, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int differs = SYS_3(write, fd, content, PIECE) != PIECE || SYS_3(lseek, fd, 0, 0) != 0 ||
        SYS_3(read, fd, copy, PIECE) != PIECE || memcmp(copy, content, PIECE) != 0;
    return (SYS_1(close, fd) != 0) | (SYS_1(unlink, path) != 0) | differs;
}

static int calls_differ(const int *pipe, long pid)
{
    return SYS_3(write, pipe[1], content, PIECE) != PIECE || SYS_3(read, pipe[0], copy, PIECE) != PIECE ||
        memcmp(copy, content, PIECE) != 0 || SYS_0(getpid) != pid || SYS_1(close, -1) != -9 /* EBADF */;
}

static int process_differs(u32 sum)
{
    long pid = SYS_0(fork);
    if (pid == 0)
        SYS_1(exit_group, (sum_up() ^ 0x55) & 0x7f);
    return ended(pid) != (long)((sum ^ 0x55) & 0x7f) << 8;
}

__attribute__((noreturn)) static void work(u32 index)
{
    struct slot *mine = slots + index;
    char path[40];
    int pipe[2];
    long pid = SYS_0(getpid);
    put_number(put(path, "/tmp/load-"), index);
    SYS_3(setpriority, 0, 0, 19); /* init must still be able to answer */
    SYS_2(pipe2, pipe, O_CLOEXEC);
    while (!mine->stop) {
        u32 sum = fill(mine->rounds * MOST_WORKERS + index), wrong = 0;
        SYS_0(sched_yield);
        wrong |= file_differs(path) ? IN_FILE : 0;
        wrong |= calls_differ(pipe, pid) ? IN_CALLS : 0;
        wrong |= process_differs(sum) ? IN_PROCESS : 0;
        wrong |= sum_up() != sum ? IN_MEMORY : 0;
        mine->errors += wrong != 0;
        mine->kinds |= wrong;
        mine->rounds++;
    }
    SYS_1(exit_group, 0);
    __builtin_unreachable();
}

static void start_workers(void)
{
    u32 cpus = cpus_online();
    if (map_at(SLOTS_AT, 4096, 1) < 0)
        return;
    while (running < cpus && running < MOST_WORKERS) {
        long pid = fork_on((int)running);
        if (pid == 0)
            work(running);
        workers[running++] = pid;
    }
}

/* "rounds" is that of the slowest worker: it grows only if all of them come on. */
static void tell(char *reply, u32 count)
{
    u32 rounds = 0, errors = 0, kinds = 0;
    for (u32 i = 0; i < count; i++) {
        rounds = i == 0 || slots[i].rounds < rounds ? slots[i].rounds : rounds;
        errors += slots[i].errors;
        kinds |= slots[i].kinds;
    }
    reply = fact(reply, "workers", count);
    reply = fact(reply, "rounds", rounds);
    reply = fact(reply, "errors", errors);
    fact(reply, "kinds", kinds);
}

static void note_end(u32 worker, long status)
{
    if (status == 0)
        return;
    slots[worker].errors++;
    slots[worker].kinds |= IS_GONE;
}

int load(const char *arguments, char *reply)
{
    if (same(arguments, "on")) {
        if (!running)
            start_workers();
        tell(reply, running);
        return running ? 0 : -1;
    }
    int off = same(arguments, "off");
    if (!off && !same(arguments, "status"))
        return -1;
    u32 count = running;
    for (u32 i = 0; i < count; i++) {
        int status = 0;
        slots[i].stop = (u32)off;
        if (workers[i] && !off && SYS_4(wait4, workers[i], &status, WNOHANG, 0) != 0) {
            note_end(i, -1);
            workers[i] = 0;
        }
    }
    for (u32 i = 0; i < count && off; i++)
        if (workers[i])
            note_end(i, ended(workers[i]));
    if (off)
        running = 0;
    tell(reply, count);
    return 0;
}
