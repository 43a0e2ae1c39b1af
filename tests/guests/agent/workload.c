#include "workload.h"

const char *next(const char *text)
{
    while (*text && *text != ' ')
        text++;
    while (*text == ' ')
        text++;
    return text;
}

char *fact(char *at, const char *name, u32 value)
{
    return put(put_number(put(put(at, name), "="), value), " ");
}

char *fact_hex(char *at, const char *name, word value)
{
    return put(put_hex(put(put(at, name), "=0x"), value), " ");
}

/* PROT_READ | PROT_WRITE; MAP_SHARED 1, MAP_PRIVATE 2, MAP_FIXED 16, MAP_ANONYMOUS 32 (asm-generic/mman-common.h). The i386
 * call that takes its six arguments in memory serves, as none of ours travels in ebp. */
long map_at(word address, word size, int shared)
{
    word flags = 16 | 32 | (shared ? 1 : 2);
#if defined(__x86_64__)
    long got = syscall6(NR_mmap, (long)address, (long)size, 3, (long)flags, -1, 0);
#else
    word all[6] = { address, size, 3, flags, (word)-1, 0 };
    long got = SYS_1(mmap, all);
#endif
    return got == (long)address ? 0 : got;
}

void *shared_page(void)
{
    enum { SHARED_AT = 0x38000000 };
    static int mapped;
    if (!mapped && map_at(SHARED_AT, 4096, 1) < 0)
        complain("cannot map", "the shared page", 0);
    mapped = 1;
    return memset((void *)SHARED_AT, 0, 4096);
}

long fork_on(int cpu)
{
    long pid = SYS_0(fork);
    if (pid == 0 && cpu >= 0) {
        u32 mask[4] = { 0 };
        mask[cpu / 32 % 4] = 1u << (cpu % 32);
        if (SYS_3(sched_setaffinity, 0, sizeof mask, mask) < 0)
            SYS_1(exit_group, 126);
    }
    return pid;
}

long ended(long pid)
{
    int status = 0;
    long got = SYS_4(wait4, pid, &status, 0, 0);
    return got < 0 ? got : status;
}

u32 cpus_online(void)
{
    u8 mask[128] = { 0 };
    u32 count = 0;
    SYS_3(sched_getaffinity, 0, sizeof mask, mask);
    for (word i = 0; i < sizeof mask * 8; i++)
        count += mask[i / 8] >> i % 8 & 1;
    return count;
}

int workload(const char *line, char *reply, int *result)
{
    static const struct { const char *name; int (*run)(const char *arguments, char *reply); } known[] = {
        { "calls", calls }, { "spawn", spawn }, { "spawned", spawned }, { "sysctl", sysctl }, { "faults", faults },
        { "int3", int3 }, { "switches", switches }, { "msr", msr }, { "load", load }, { "insmod", insmod },
        { "rmmod", rmmod }, { "module", module }, { "trace", trace }, { "debug", debug },
    };
    for (word i = 0; i < sizeof known / sizeof *known; i++) {
        word size = length(known[i].name);
        if (starts(line, known[i].name) && (line[size] == ' ' || line[size] == 0)) {
            *result = known[i].run(next(line), reply);
            return 1;
        }
    }
    return 0;
}
