/* The program behind every named process of the guest: does what its second argument says, tells the maker that it is
 * ready by closing READY_FD, and then sleeps. */
#include "agent.h"

/* A page at a fixed address (see the linker flags) with known content, for tests that read and write a process. */
__attribute__((section(".marker"), used)) char marker[4096] = "VmiPl marker: known bytes at a known address";

static char stacks[16][4096] __attribute__((aligned(16)));

__attribute__((noreturn)) static void sleep_forever(void)
{
    for (;;)
        SYS_0(pause);
}

__attribute__((noreturn, used)) static void thread(word index)
{
    char name[16];
    put_number(put(name, "worker-"), (u32)index);
    SYS_2(prctl, PR_SET_NAME, name);
    sleep_forever();
}

/* clone(2) with a new stack: the child comes back on it, so it must not return through this function's frame. */
static void start_thread(word index)
{
    long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    word *stack = (word *)(stacks[index] + sizeof stacks[index]) - 4;
    stack[0] = index;
#if defined(__x86_64__)
    long result = NR_clone;
    register long none __asm__("r10") = 0;
    __asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\tpop %%rdi\n\tand $-16, %%rsp\n\tcall thread\n1:"
                     : "+a"(result) : "D"(flags), "S"(stack), "d"(0), "r"(none) : "rcx", "r11", "memory");
#else
    long result = NR_clone;
    __asm__ volatile("int $0x80\n\ttest %%eax, %%eax\n\tjnz 1f\n\tpop %%eax\n\tand $-16, %%esp\n\tsub $12, %%esp\n\t"
                     "push %%eax\n\tcall thread\n1:"
                     : "+a"(result) : "b"(flags), "c"(stack), "d"(0), "S"(0), "D"(0) : "memory");
#endif
    (void)result;
}

static void threads(word count)
{
    for (word i = 1; i < count && i < 16; i++)
        start_thread(i);
}

int program(int argc, char **argv, char **envp)
{
    (void)envp;
    const char *role = argc > 1 ? argv[1] : "";
    if (starts(role, "threads="))
        threads(number(role + 8));
    else if (same(role, "leader-gone"))
        threads(4);
    else if (same(role, "odd-name"))
        SYS_2(prctl, PR_SET_NAME, "\xff\xfe) (\x80\x01\t\\\n 7\xc3");
    else if (same(role, "zombie") && SYS_0(fork) == 0)
        SYS_1(exit, 3);
    else if (same(role, "spin"))
        SYS_3(setpriority, 0, 0, 19); /* init must still be able to answer */
    SYS_1(close, READY_FD);
    if (same(role, "leader-gone"))
        SYS_1(exit, 0);
    if (same(role, "spin"))
        for (;;)
            __asm__ volatile("");
    sleep_forever();
}
