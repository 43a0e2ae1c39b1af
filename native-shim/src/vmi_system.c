#define _GNU_SOURCE
#include "vmi_system.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

int vmi_system_wait(const void *word, uint32_t value, int ms)
{
    struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
    return (int)vmi_system_call(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, value, (long)&time, 0, 0);
}

void vmi_system_wake(const void *word)
{
    vmi_system_call(SYS_futex, (long)word, FUTEX_WAKE_PRIVATE, INT32_MAX, 0, 0, 0);
}

void vmi_system_pause_us(long us)
{
    struct timespec time = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
    vmi_system_call(SYS_nanosleep, (long)&time, 0, 0, 0, 0, 0);
}

static uint64_t nanoseconds(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);   /* the vDSO's: no system call on most hosts */
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t vmi_system_monotonic_ns(void)
{
    return nanoseconds(CLOCK_MONOTONIC);
}

uint64_t vmi_system_utc_ns(void)
{
    return nanoseconds(CLOCK_REALTIME);
}

int vmi_system_thread(void)
{
    return (int)vmi_system_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
}
