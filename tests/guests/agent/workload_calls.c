/* "calls N [compat|sysenter|cpu C]": N system calls of ten kinds from four processes at once, on one CPU only with C. Process p makes N/4 of them (one
 * more if p < N%4); its call i is of kind (i + p) % 10, and its arguments say p and i. None has an effect: they name
 * descriptors, processes and files that do not exist. SyscallWorkload.cs has the same table; keep them alike.
 * Before its calls a process reads one byte from a pipe (the start), after them it calls exit_group. */
#include "workload.h"

enum { PROCESSES = 4, PATHS = 0x30000000, PATH_DISTANCE = 0x1000 };
enum shape { DESCRIPTOR, PROCESS, PATH };
enum way { NATIVE, INT_80, SYSENTER };

static const struct { short number64, number32; enum shape shape; word flags; } kinds[] = {
    { 39, 20, DESCRIPTOR, 0 },    /* getpid */
    { 110, 64, DESCRIPTOR, 0 },   /* getppid */
    { 8, 19, DESCRIPTOR, 0 },     /* lseek */
    { 3, 6, DESCRIPTOR, 0 },      /* close */
    { 1, 4, DESCRIPTOR, 0 },      /* write */
    { 62, 37, PROCESS, 0 },       /* kill */
    { 257, 295, PATH, O_CLOEXEC },/* openat */
    { 121, 132, PROCESS, 0 },     /* getpgid */
    { 269, 307, PATH, 0 },        /* faccessat */
    { 77, 93, DESCRIPTOR, 0 },    /* ftruncate */
};

#if defined(__i386__)
/* The kernel's own entry, __kernel_vsyscall: AT_SYSINFO (32) of the auxiliary vector. */
static word vsyscall;

static int find_vsyscall(void)
{
    word vector[64] = { 0 };
    long fd = SYS_3(open, "/proc/self/auxv", O_RDONLY | O_CLOEXEC, 0);
    SYS_3(read, fd, vector, sizeof vector - 2 * sizeof *vector);
    SYS_1(close, fd);
    for (word *at = vector; *at; at += 2)
        if (*at == 32)
            vsyscall = at[1];
    return vsyscall != 0;
}
#else
static int find_vsyscall(void)
{
    return 0;
}
#endif

static void call(enum way way, word kind, long a, long b, long c, long d)
{
#if defined(__x86_64__)
    long number = kinds[kind].number64;
    if (way == NATIVE)
        syscall6(number, a, b, c, d, 0, 0);
    else {
        number = kinds[kind].number32;
        __asm__ volatile("int $0x80" : "+a"(number) : "b"((u32)a), "c"(b), "d"(c), "S"(d), "D"(0L)
                         : "r8", "r9", "r10", "r11", "memory");
    }
#else
    long number = kinds[kind].number32;
    if (way == SYSENTER)
        __asm__ volatile("call *vsyscall" : "+a"(number) : "b"(a), "c"(b), "d"(c), "S"(d), "D"(0L) : "memory");
    else
        syscall6(number, a, b, c, d, 0, 0);
#endif
}

static void process(enum way way, word p, word count)
{
    char *path = (char *)(PATHS + p * PATH_DISTANCE);
    for (word i = 0; i < count; i++) {
        word kind = (i + p) % 10;
        if (kinds[kind].shape == DESCRIPTOR)
            call(way, kind, 1000 + (long)p, (long)i, (long)kind, 0);
        else if (kinds[kind].shape == PROCESS)
            call(way, kind, 10000000 + (long)p, 0, (long)i, (long)kind);
        else {
            put_number(put(put_number(put(path, "/calls/"), (u32)p), "/"), (u32)i);
            call(way, kind, -100, (long)path, (long)kinds[kind].flags, (long)i);
        }
    }
}

int calls(const char *arguments, char *reply)
{
    word count = number(arguments);
    long pids[PROCESSES];
    int gate[2], result = 0;
    const char *how = next(arguments);
    enum way way = same(how, "compat") ? INT_80 : same(how, "sysenter") ? SYSENTER : NATIVE;
    int cpu = starts(how, "cpu ") ? (int)number(next(how)) : -1;
    if (way == SYSENTER && !find_vsyscall()) {
        put(reply, "no sysenter here");
        return -1;
    }
    if (map_at(PATHS, PROCESSES * PATH_DISTANCE, 0) < 0)
        return -1;
    SYS_2(pipe2, gate, O_CLOEXEC);
    for (word p = 0; p < PROCESSES; p++) {
        pids[p] = fork_on(cpu);
        if (pids[p] == 0) {
            char byte;
            SYS_3(read, gate[0], &byte, 1);
            process(way, p, count / PROCESSES + (p < count % PROCESSES));
            SYS_1(exit_group, 0);
        }
    }
    SYS_3(write, gate[1], "go!!", PROCESSES);
    for (word p = 0; p < PROCESSES; p++) {
        if (ended(pids[p]) != 0)
            result = -1;
        reply = put(put_number(reply, (u32)pids[p]), " ");
    }
    SYS_1(close, gate[0]);
    SYS_1(close, gate[1]);
    SYS_2(munmap, PATHS, PROCESSES * PATH_DISTANCE);
    return result;
}
