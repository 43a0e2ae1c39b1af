#include <stdio.h>

#include "channel.h"
#include "commands.h"
#include "library.h"
#include "loaded.h"
#include "outcome.h"
#include "run.h"

enum { BIND_NOW = 2 };   /* RTLD_NOW; RTLD_LOCAL is 0 */

/* musl's dlclose does nothing: a library that was taken out lies there still, at rest. A second one beside it would lie there for good, too. */
static void start_again(struct vmi_target *target, const struct vmi_loaded *loaded)
{
    if (!target->is_musl || !loaded->start)
        vmi_fail(VMI_ALREADY_LOADED, "process %d has the library loaded already", target->pid);
    struct vmi_channel channel = vmi_channel_open(target);
    struct vmi_trampoline trampoline = vmi_trampoline_make();
    trampoline.operation = VMI_OPERATION_CALL;
    trampoline.function = loaded->start;
    trampoline.closes = 1;
    int started = (int)vmi_run_call(target, &trampoline, &channel).result;
    if (started == 0)
        vmi_fail(VMI_ALREADY_LOADED, "process %d has the library loaded already", target->pid);
    if (started < 0)
        vmi_fail(VMI_DLOPEN_FAILED, "the library that process %d has kept does not start again", target->pid);
}

static void load(struct vmi_target *target, const struct vmi_library *library, const char *path)
{
    struct vmi_channel channel = vmi_channel_open(target);
    vmi_channel_put(&channel, library->bytes, library->size);
    struct vmi_trampoline trampoline = vmi_trampoline_make();
    trampoline.operation = VMI_OPERATION_LOAD;
    trampoline.function = target->dlopen;
    trampoline.arguments[0] = vmi_run_path(target);
    trampoline.arguments[1] = BIND_NOW;
    trampoline.dlsym = target->dlsym;
    trampoline.dlerror = target->dlerror;
    trampoline.closes = 1;
    snprintf(trampoline.path, sizeof trampoline.path, "/proc/self/fd/%d", channel.number);
    struct vmi_report report = vmi_run_call(target, &trampoline, &channel);
    if (!report.result)
        vmi_fail(VMI_DLOPEN_FAILED, "process %d can't load %s: %s", target->pid, path, report.text_bytes ? report.text : "its dlopen does not say why");
}

void vmi_load(pid_t pid, const char *path)
{
    struct vmi_library library = vmi_library_read(path);
    struct vmi_target target = vmi_target_open(pid);
    vmi_run_settle(&target);
    struct vmi_loaded loaded = vmi_loaded_find(&target);
    if (loaded.is_mapped)
        start_again(&target, &loaded);
    else
        load(&target, &library, path);
    printf("loaded into process %d; its main thread was away for %lld us\n", pid, (long long)target.away_us);
}
