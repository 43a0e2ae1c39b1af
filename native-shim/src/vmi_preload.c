/* The way in of a library that was loaded before QEMU (LD_PRELOAD): its ioctl stands in for libc's, does what that does, and sees the machine made.
 * Before that the process may be none of QEMU's, or may fork to become a daemon, which a thread would not survive. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdint.h>

#include "vmi_control.h"
#include "vmi_system.h"

__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    unsigned long argument = va_arg(list, unsigned long);
    va_end(list);
    /* Some libcs' int of a request is extended with its sign. */
    int result = vmi_system_ioctl(fd, (uint32_t)request, argument);
    if (result < 0) {
        errno = -result;
        return -1;
    }
    if ((uint32_t)request == (uint32_t)KVM_CREATE_VM)
        vmi_control_start();
    return result;
}
