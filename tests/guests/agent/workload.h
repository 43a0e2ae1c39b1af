/* What the workloads (workload_*.c) share: known work of an exact amount, for tests of probes. Each command answers when its
 * work is done, "name=value" separated by spaces, or a plain list where that is said. */
#pragma once
#include "agent.h"

/* Numbers that only workloads use: arch/x86/entry/syscalls/syscall_64.tbl and syscall_32.tbl. */
enum {
#if defined(__x86_64__)
    NR_mmap = 9, NR_munmap = 11, NR_rt_sigaction = 13, NR_pread64 = 17, NR_pwrite64 = 18, NR_sched_yield = 24, NR_getpid = 39,
    NR_getrusage = 98, NR_getpgid = 121, NR_ptrace = 101, NR_delete_module = 176, NR_sched_getaffinity = 204,
#else
    NR_mmap = 90, NR_munmap = 91, NR_rt_sigaction = 174, NR_pread64 = 180, NR_pwrite64 = 181, NR_sched_yield = 158, NR_getpid = 20,
    NR_getrusage = 77, NR_getpgid = 132, NR_ptrace = 26, NR_delete_module = 129, NR_sched_getaffinity = 242,
#endif
};

/* struct rusage (include/uapi/linux/resource.h) as words. */
enum { MINOR_FAULTS = 8, VOLUNTARY_SWITCHES = 16, INVOLUNTARY_SWITCHES = 17, USAGE_WORDS = 18 };

/* The text behind the first word and the spaces after it. */
const char *next(const char *text);

/* Puts "name=value" (decimal, hexadecimal) and a space. */
char *fact(char *at, const char *name, u32 value);
char *fact_hex(char *at, const char *name, word value);

/* Anonymous memory at exactly this address; 0, or a negative error. */
long map_at(word address, word size, int shared);

/* A page that forked processes share with init, for what they have to tell; zeroed by each call. */
void *shared_page(void);

/* Forks a process that runs only on this CPU (any, if negative). */
long fork_on(int cpu);

/* Waits for a child; its wait status, or a negative error. */
long ended(long pid);

u32 cpus_online(void);

/* Answers a workload's command: 1 if it was one, with its result. */
int workload(const char *line, char *reply, int *result);

/* One per command; the arguments are what follows its word. 0 on success. */
int calls(const char *arguments, char *reply);
int spawn(const char *arguments, char *reply);
int spawned(const char *arguments, char *reply);
int sysctl(const char *arguments, char *reply);
int faults(const char *arguments, char *reply);
int int3(const char *arguments, char *reply);
int switches(const char *arguments, char *reply);
int msr(const char *arguments, char *reply);
int load(const char *arguments, char *reply);
int insmod(const char *arguments, char *reply);
int rmmod(const char *arguments, char *reply);
int module(const char *arguments, char *reply);
int trace(const char *arguments, char *reply);
int debug(const char *arguments, char *reply);
