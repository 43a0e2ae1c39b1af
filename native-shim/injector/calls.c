#define _GNU_SOURCE
#include <sys/syscall.h>

#include "calls.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441   /* Linux 5.11 */
#endif

bool vmi_call_is_epoll(uint64_t number)
{
    return number == SYS_epoll_wait || number == SYS_epoll_pwait || number == SYS_epoll_pwait2;
}

bool vmi_call_waits(uint64_t number)
{
    switch (number) {
    case SYS_poll: case SYS_ppoll: case SYS_select: case SYS_pselect6: case SYS_pause: case SYS_nanosleep: case SYS_clock_nanosleep:
        return true;
    default:
        return vmi_call_is_epoll(number);
    }
}
