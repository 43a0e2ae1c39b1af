/* Exceptions and switches of an exact number: page faults, breakpoints, context switches. */
#include "workload.h"

enum { FAULTS_AT = 0x20000000, ROUND = 256, PAGE = 4096 };

/* "faults N": a process writes to N fresh pages: page i lies at 0x20000000 + i % 256 * 4096. A round of 256 pages is 1 MiB, so no
 * huge page serves it. "minor" is the kernel's own count of that process's faults meanwhile. */
int faults(const char *arguments, char *reply)
{
    u32 count = (u32)number(arguments);
    volatile word *told = shared_page();
    long pid = fork_on(-1);
    if (pid == 0) {
        word before[USAGE_WORDS], after[USAGE_WORDS];
        SYS_2(getrusage, 0, after); /* both have had their own faults then */
        SYS_2(getrusage, 0, before);
        for (u32 i = 0; i < count; i++) {
            if (i % ROUND == 0 && map_at(FAULTS_AT, ROUND * PAGE, 0) < 0)
                SYS_1(exit_group, 1);
            *(volatile u8 *)(FAULTS_AT + (word)(i % ROUND) * PAGE) = 1;
            if (i % ROUND == ROUND - 1)
                SYS_2(munmap, FAULTS_AT, ROUND * PAGE);
        }
        SYS_2(getrusage, 0, after);
        *told = after[MINOR_FAULTS] - before[MINOR_FAULTS];
        SYS_1(exit_group, 0);
    }
    int result = ended(pid) == 0 ? 0 : -1;
    reply = fact(reply, "pid", (u32)pid);
    reply = fact_hex(reply, "address", FAULTS_AT);
    reply = fact(reply, "pages", ROUND);
    reply = fact(reply, "count", count);
    fact(reply, "minor", (u32)*told);
    return result;
}

extern char int3_site[];
static volatile u32 trapped;

static void on_trap(int signal)
{
    (void)signal;
    trapped++;
}

/* Where a handler returns to: rt_sigreturn, as SA_SIGINFO makes that frame on both architectures. */
void leave_handler(void);
#if defined(__x86_64__)
__asm__(".globl leave_handler\nleave_handler:\n\tmov $15, %eax\n\tsyscall\n");
#else
__asm__(".globl leave_handler\nleave_handler:\n\tmov $173, %eax\n\tint $0x80\n");
#endif

/* "int3 N": a process with a handler of SIGTRAP runs the instruction at "address" N times; "handled" is what arrived. */
__attribute__((noinline)) static void trap(u32 count)
{
    for (u32 i = 0; i < count; i++)
        __asm__ volatile(".globl int3_site\nint3_site:\n\tint3" ::: "memory");
}

int int3(const char *arguments, char *reply)
{
    /* The kernel's struct sigaction (asm/signal.h): SA_SIGINFO 4, SA_RESTORER 0x04000000; SIGTRAP is 5. */
    struct { void (*handler)(int); word flags; void (*restorer)(void); u64 mask; } action =
        { on_trap, 4 | 0x04000000, leave_handler, 0 };
    u32 count = (u32)number(arguments);
    volatile u32 *told = shared_page();
    long pid = fork_on(-1);
    if (pid == 0) {
        SYS_4(rt_sigaction, 5, &action, 0, sizeof action.mask);
        trap(count);
        *told = trapped;
        SYS_1(exit_group, 0);
    }
    int result = ended(pid) == 0 ? 0 : -1;
    reply = fact(reply, "pid", (u32)pid);
    reply = fact_hex(reply, "address", (word)int3_site);
    reply = fact(reply, "count", count);
    fact(reply, "handled", *told);
    return result;
}

/* One of two processes that throw a byte at each other: `first` has the ball. */
static void player(int in, int out, int first, u32 count, volatile u32 *told)
{
    char ball = 0;
    word before[USAGE_WORDS], after[USAGE_WORDS];
    SYS_2(getrusage, 0, before);
    for (u32 i = 0; i < count; i++) {
        if (first)
            SYS_3(write, out, &ball, 1);
        if (SYS_3(read, in, &ball, 1) != 1)
            SYS_1(exit_group, 1);
        if (!first)
            SYS_3(write, out, &ball, 1);
    }
    SYS_2(getrusage, 0, after);
    *told = (u32)(after[VOLUNTARY_SWITCHES] + after[INVOLUNTARY_SWITCHES] - before[VOLUNTARY_SWITCHES] - before[INVOLUNTARY_SWITCHES]);
    SYS_1(exit_group, 0);
}

/* "switches N": two processes on CPU 0 throw a byte there and back N times, so each is switched away from N - 1 times at least
 * (the first byte may be there before it is waited for); "switches1" and "switches2" are the kernel's own counts. */
int switches(const char *arguments, char *reply)
{
    u32 count = (u32)number(arguments);
    volatile u32 *told = shared_page();
    int there[2], back[2];
    long pids[2];
    SYS_2(pipe2, there, O_CLOEXEC);
    SYS_2(pipe2, back, O_CLOEXEC);
    if ((pids[0] = fork_on(0)) == 0)
        player(back[0], there[1], 1, count, told);
    if ((pids[1] = fork_on(0)) == 0)
        player(there[0], back[1], 0, count, told + 1);
    int result = (ended(pids[0]) | ended(pids[1])) == 0 ? 0 : -1;
    for (int i = 0; i < 2; i++) {
        SYS_1(close, there[i]);
        SYS_1(close, back[i]);
    }
    reply = fact(reply, "pid1", (u32)pids[0]);
    reply = fact(reply, "pid2", (u32)pids[1]);
    reply = fact(reply, "count", count);
    reply = fact(reply, "switches1", told[0]);
    fact(reply, "switches2", told[1]);
    return result;
}
