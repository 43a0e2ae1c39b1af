/* The shim: a library in QEMU's process that runs probes where KVM's exits come. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "vmi_control.h"
#include "vmi_hook.h"
#include "vmi_kvm.h"
#include "vmi_system.h"
#include "vmi_world.h"

struct vmi_world vmi_world = { .vm = -1, .signal = -1, .epoch = 1 };

/* What loaded the library, for whoever unloads it (native-shim/injector). */
__attribute__((visibility("default"))) void *vmi_shim_handle;

/* Takes the shim out: nothing of it is called any more when this returns 0, and no thread of its own is left. -1 where something still
 * stands in the way; may be called again. */
__attribute__((visibility("default"))) int vmi_shim_quiesce(void)
{
    vmi_control_end();
    if (!vmi_hook_remove())
        return -1;
    /* Those in the guest come back once, through the code that they went in by. */
    return vmi_world_dismiss(VMI_STOP_MS) && vmi_hook_is_left() ? 0 : -1;
}

static bool is_preloaded(void)
{
    const char *names = getenv("LD_PRELOAD");
    return names && strstr(names, "vmi-shim");
}

__attribute__((constructor)) static void loaded(void)
{
    /* A library that is there before its process has begun is in many processes that are no QEMU: it does nothing until a machine is made. */
    if (is_preloaded()) {
        vmi_world.abilities |= VMI_IS_PRELOADED;
        return;
    }
    if (vmi_kvm_discover() && !vmi_hook_install())
        vmi_world.abilities = 0;   /* nothing of it would ever come by here */
    vmi_control_start();
}
