/* The shim: a library in QEMU's process that runs probes where KVM's exits come. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmi_control.h"
#include "vmi_hook.h"
#include "vmi_vcpu.h"
#include "vmi_world.h"

#define VMI_LIBRARY "libvmi-shim.so"

struct vmi_world vmi_world = { .vm = -1, .signal = -1, .epoch = 1 };

/* What loaded the library, for whoever unloads it (native-shim/injector). */
__attribute__((visibility("default"))) void *vmi_shim_handle;

/* Takes the shim out: nothing of it is called any more when this returns 0, and no thread of its own is left. -1 where something still
 * stands in the way; may be called again. */
__attribute__((visibility("default"))) int vmi_shim_quiesce(void)
{
    if (!vmi_control_end() || !vmi_hook_remove())
        return -1;
    /* Those in the guest come back once, through the code that they went in by. */
    if (!vmi_world_dismiss(VMI_STOP_MS) || !vmi_hook_is_left())
        return -1;
    vmi_vcpus_forget();
    return 0;
}

/* Has it listen again after that, where the process keeps it (musl unmaps no library): 1; 0 where it does already, -1 where it can't. */
__attribute__((visibility("default"))) int vmi_shim_start(void)
{
    return vmi_control_is_started() ? 0 : vmi_control_start() ? 1 : -1;
}

/* The programs that QEMU starts are not to have the library. What has it on its way to becoming QEMU (nice, setsid) is. */
static bool is_qemu(void)
{
    char path[256];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return strstr(path, "qemu") || strstr(path, "kvm");
}

/* Takes the library out of the names in LD_PRELOAD, which spaces and colons divide (ld.so(8)). True where it was among them. */
static bool leave_preload(char *names)
{
    static const char own[] = "/" VMI_LIBRARY;
    bool found = false;
    char *kept = names;
    for (char *name = names; *name;) {
        size_t length = strcspn(name, " :"), with_end = length + strspn(name + length, " :");
        bool is_own = length >= sizeof own - 1 && memcmp(name + length - (sizeof own - 1), own, sizeof own - 1) == 0;
        found |= is_own;
        if (!is_own) {
            memmove(kept, name, with_end);
            kept += with_end;
        }
        name += with_end;
    }
    *kept = '\0';
    return found;
}

static bool is_preloaded(void)
{
    const char *names = getenv("LD_PRELOAD");
    char *left = names ? strdup(names) : NULL;
    bool found = left && leave_preload(left);
    if (found && is_qemu()) {
        if (*left)
            setenv("LD_PRELOAD", left, 1);
        else
            unsetenv("LD_PRELOAD");
    }
    free(left);
    return found;
}

__attribute__((constructor)) static void loaded(void)
{
    /* A library that is there before its process has begun is in many processes that are no QEMU: it does nothing until a machine is made
       (vmi_preload.c). */
    if (!is_preloaded())
        vmi_control_start();
}
