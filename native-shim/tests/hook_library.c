/* The shim's hook alone, as a library: what comes through it is counted, and passed on. */
#include "hook_library.h"

#include "vmi_hook.h"
#include "vmi_kvm.h"
#include "vmi_system.h"

static unsigned calls;

int vmi_kvm_ioctl(int fd, uint32_t request, unsigned long argument)
{
    calls++;
    return vmi_system_ioctl(fd, request, argument);
}

__attribute__((visibility("default"))) bool hook_library_install(void)
{
    return vmi_hook_install();
}

__attribute__((visibility("default"))) bool hook_library_remove(void)
{
    return vmi_hook_remove();
}

__attribute__((visibility("default"))) unsigned hook_library_calls(void)
{
    return calls;
}
