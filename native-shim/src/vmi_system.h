/* System calls as the shim makes them: without libc's ioctl, which is what it stands in for, and with errors as negative numbers. */
#ifndef VMI_SYSTEM_H
#define VMI_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

/* Each returns what the kernel does: a negative errno where it fails. */
static inline long vmi_system_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static inline int vmi_system_ioctl(int fd, unsigned long request, unsigned long argument)
{
    return (int)vmi_system_call(SYS_ioctl, fd, (long)request, (long)argument, 0, 0, 0);
}

/* Waits until the word is no longer `value`, for `ms` at most. 0, or -EAGAIN, -ETIMEDOUT, -EINTR. */
int vmi_system_wait(const void *word, uint32_t value, int ms);
void vmi_system_wake(const void *word);

void vmi_system_pause_us(long us);
uint64_t vmi_system_monotonic_ns(void);
uint64_t vmi_system_utc_ns(void);
int vmi_system_thread(void);

#endif
