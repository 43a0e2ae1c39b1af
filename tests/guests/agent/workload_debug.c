/* A debugger and its program, which makes system calls: steps, breakpoints in its text and by a debug register, in an exact number. */
#include "workload.h"

#if defined(__x86_64__)
/* include/uapi/linux/ptrace.h; struct user_regs_struct and u_debugreg of struct user (asm/user_64.h). */
enum { TRACEME = 0, PEEK = 1, POKE = 4, POKE_USER = 6, CONTINUE = 7, STEP = 9, GET_REGISTERS = 12, SET_REGISTERS = 13 };
enum { RBX = 5, RIP = 16, REGISTERS = 27, DEBUG_REGISTERS = 848, STOPPED_BY_TRAP = 5 << 8 | 0x7f, ROUND = 4 };

extern char debugged[];

/* Rounds of four instructions that are counted in RBX. */
__attribute__((noreturn)) static void be_debugged(void)
{
    SYS_4(ptrace, TRACEME, 0, 0, 0);
    __asm__ volatile("xor %%ebx, %%ebx\n\tint3\n\t.globl debugged\ndebugged:\n\tmov $39, %%eax\n\tsyscall\n\tinc %%rbx\n\tjmp debugged" ::: "memory", "rbx");
    __builtin_unreachable();
}

/* Has the program go on until it stops; whether that was at a trap. */
static int goes_on(long pid, int how)
{
    return SYS_4(ptrace, how, pid, 0, 0) == 0 && ended(pid) == STOPPED_BY_TRAP;
}

static word get(long pid, int which)
{
    word registers[REGISTERS];
    return SYS_4(ptrace, GET_REGISTERS, pid, 0, registers) < 0 ? 0 : registers[which];
}

static void go_back_to_the_site(long pid)
{
    word registers[REGISTERS];
    if (SYS_4(ptrace, GET_REGISTERS, pid, 0, registers) == 0) {
        registers[RIP] = (word)debugged;
        SYS_4(ptrace, SET_REGISTERS, pid, 0, registers);
    }
}

static u32 steps(long pid, u32 count)
{
    u32 good = 0;
    for (word before = get(pid, RBX); good < count; good++) {
        for (int i = 0; i < ROUND; i++) {
            if (!goes_on(pid, STEP))
                return good;
        }
        if (get(pid, RIP) != (word)debugged || get(pid, RBX) != before + good + 1)
            return good;
    }
    return good;
}

static u32 breakpoints(long pid, u32 count)
{
    word original = 0;
    u32 good = 0;
    SYS_4(ptrace, PEEK, pid, debugged, &original);
    for (word before = get(pid, RBX); good < count; good++) {
        SYS_4(ptrace, POKE, pid, debugged, (original & ~(word)0xff) | 0xcc);
        if (!goes_on(pid, CONTINUE) || get(pid, RIP) != (word)debugged + 1 || get(pid, RBX) != before + good)
            break;
        SYS_4(ptrace, POKE, pid, debugged, original);
        go_back_to_the_site(pid);
        if (!goes_on(pid, STEP))
            break;
    }
    SYS_4(ptrace, POKE, pid, debugged, original);
    return good;
}

static u32 registers(long pid, u32 count)
{
    u32 good = 0;
    SYS_4(ptrace, POKE_USER, pid, DEBUG_REGISTERS, debugged);
    SYS_4(ptrace, POKE_USER, pid, DEBUG_REGISTERS + 7 * sizeof(word), 1);
    for (word before = get(pid, RBX); good < count; good++) {
        if (!goes_on(pid, CONTINUE) || get(pid, RIP) != (word)debugged || get(pid, RBX) != before + good + 1)
            break;
    }
    SYS_4(ptrace, POKE_USER, pid, DEBUG_REGISTERS + 7 * sizeof(word), 0);
    return good;
}

/* "debug N [registers]": N rounds by steps, N by breakpoints in the text and, if asked for, N by a debug register; what came as it should. */
int debug(const char *arguments, char *reply)
{
    u32 count = (u32)number(arguments);
    int with_registers = starts(next(arguments), "registers");
    long pid = fork_on(-1);
    if (pid == 0)
        be_debugged();
    int is_there = ended(pid) == STOPPED_BY_TRAP;
    u32 stepped = is_there ? steps(pid, count) : 0, broken = is_there ? breakpoints(pid, count) : 0;
    reply = fact(reply, "pid", (u32)pid);
    reply = fact(reply, "count", count);
    reply = fact(reply, "steps", stepped);
    reply = fact(reply, "breakpoints", broken);
    if (with_registers)
        fact(reply, "registers", is_there ? registers(pid, count) : 0);
    SYS_2(kill, pid, SIGKILL);
    ended(pid);
    return is_there ? 0 : -1;
}
#else
int debug(const char *arguments, char *reply)
{
    (void)arguments;
    put(reply, "64-bit guests only");
    return -1;
}
#endif
