/* "msr CPU NUMBER VALUE N": writes VALUE, VALUE+1 … N times to a model-specific register through /dev/cpu/CPU/msr (the module
 * msr), each by one write(2), for which that CPU runs one wrmsr in the kernel's text. "last" is what it holds then. */
#include "workload.h"

/* A 64-bit offset is two arguments on i386. */
#if defined(__x86_64__)
#define AT_REGISTER(call, fd, value, number) SYS_4(call, fd, value, sizeof *(value), number)
#else
#define AT_REGISTER(call, fd, value, number) SYS_5(call, fd, value, sizeof *(value), number, 0)
#endif

int msr(const char *arguments, char *reply)
{
    char path[40];
    const char *name = next(arguments), *first = next(name);
    word index = number(name);
    u64 value = number(first);
    u32 count = (u32)number(next(first));
    put(put_number(put(path, "/dev/cpu/"), (u32)number(arguments)), "/msr");
    long fd = SYS_3(open, path, O_RDWR | O_CLOEXEC, 0), n = fd;
    for (u32 i = 0; i < count && n >= 0; i++, value++)
        n = AT_REGISTER(pwrite64, fd, &value, index);
    if (n >= 0)
        n = AT_REGISTER(pread64, fd, &value, index);
    if (fd >= 0)
        SYS_1(close, fd);
    reply = fact(reply, n < 0 ? "error" : "count", n < 0 ? (u32)-n : count);
    fact_hex(reply, "last", n < 0 ? 0 : (word)value);
    return n < 0 ? -1 : 0;
}
