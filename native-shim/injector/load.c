#include <stdio.h>

#include "channel.h"
#include "commands.h"
#include "library.h"
#include "outcome.h"
#include "run.h"

enum { BIND_NOW = 2 };   /* RTLD_NOW; RTLD_LOCAL is 0 */

static bool is_loaded(pid_t pid)
{
    struct vmi_maps maps = vmi_maps_read(pid);
    bool found = vmi_maps_named(&maps, VMI_CHANNEL_PATH) != NULL;
    vmi_maps_free(&maps);
    return found;
}

void vmi_load(pid_t pid, const char *path)
{
    struct vmi_library library = vmi_library_read(path);
    struct vmi_target target = vmi_target_open(pid);
    vmi_run_settle(&target);
    if (is_loaded(pid))
        vmi_fail(VMI_ALREADY_LOADED, "process %d has the library loaded already", pid);
    struct vmi_channel channel = vmi_channel_open(&target);
    vmi_channel_put(&channel, library.bytes, library.size);
    struct vmi_trampoline trampoline = vmi_trampoline_make();
    trampoline.operation = VMI_OPERATION_LOAD;
    trampoline.function = target.dlopen;
    trampoline.arguments[0] = vmi_run_path(&target);
    trampoline.arguments[1] = BIND_NOW;
    trampoline.dlsym = target.dlsym;
    trampoline.dlerror = target.dlerror;
    trampoline.closes = 1;
    snprintf(trampoline.path, sizeof trampoline.path, "/proc/self/fd/%d", channel.number);
    struct vmi_report report = vmi_run_call(&target, &trampoline, &channel);
    if (!report.result)
        vmi_fail(VMI_DLOPEN_FAILED, "process %d can't load %s: %s", pid, path, report.text_bytes ? report.text : "its dlopen does not say why");
    printf("loaded into process %d; its main thread was away for %lld us\n", pid, (long long)target.away_us);
}
