#define _GNU_SOURCE
#include <stdio.h>
#include <time.h>

#include "channel.h"
#include "clock.h"
#include "commands.h"
#include "library.h"
#include "loaded.h"
#include "outcome.h"
#include "run.h"
#include "threads.h"

enum { QUIET_US = 5000000, AGAIN_NS = 10000000 };

static int quiesce(struct vmi_target *target, const struct vmi_channel *channel, const struct vmi_loaded *loaded)
{
    struct vmi_trampoline trampoline = vmi_trampoline_make();
    trampoline.operation = VMI_OPERATION_CALL;
    trampoline.function = loaded->quiesce;
    return (int)vmi_run_call(target, &trampoline, channel).result;
}

/* Until nobody can enter its code, and nobody is in it. Otherwise the channel is taken back, the library stays, and we end. */
static void make_quiet(struct vmi_target *target, const struct vmi_channel *channel, const struct vmi_loaded *loaded)
{
    static const struct timespec moment = { .tv_nsec = AGAIN_NS };
    int64_t deadline = vmi_now_us() + QUIET_US;
    for (;;) {
        int answer = quiesce(target, channel, loaded);
        if (answer == 0 && vmi_threads_outside(target, loaded->code_start, loaded->code_end))
            return;
        if (vmi_now_us() >= deadline) {
            vmi_channel_close(target, channel);
            if (answer != 0)
                vmi_fail(VMI_IN_USE, "the library in process %d does not come to rest (" VMI_LIBRARY_QUIESCE " says %d); it stays: try again later", target->pid, answer);
            vmi_fail(VMI_IN_USE, "a thread of process %d is in the library's code, or comes back into it; it stays: try again later", target->pid);
        }
        nanosleep(&moment, NULL);
    }
}

static void take_out(struct vmi_target *target, const struct vmi_channel *channel, const struct vmi_loaded *loaded)
{
    struct vmi_trampoline trampoline = vmi_trampoline_make();
    trampoline.operation = VMI_OPERATION_UNLOAD;
    trampoline.function = target->dlclose;
    trampoline.arguments[0] = loaded->handle;
    trampoline.dlerror = target->dlerror;
    trampoline.closes = 1;
    struct vmi_report report = vmi_run_call(target, &trampoline, channel);
    if ((int)report.result != 0)
        vmi_fail(VMI_IN_USE, "process %d can't take the library out: %s", target->pid, report.text_bytes ? report.text : "its dlclose does not say why");
    if (vmi_loaded_find(target).is_mapped)
        vmi_fail(VMI_IN_USE, "process %d has closed the library, but keeps it mapped: something else in it uses the library", target->pid);
}

void vmi_unload(pid_t pid)
{
    struct vmi_target target = vmi_target_open(pid);
    vmi_run_settle(&target);
    struct vmi_loaded loaded = vmi_loaded_find(&target);
    if (!loaded.is_mapped)
        vmi_fail(VMI_NOT_LOADED, "process %d has no library of vmi-inject loaded", pid);
    if (!loaded.quiesce || !loaded.handle)
        vmi_fail(VMI_IN_USE, "what process %d has loaded can't be taken out: it is damaged, or was not loaded by vmi-inject", pid);
    struct vmi_channel channel = vmi_channel_open(&target);
    make_quiet(&target, &channel, &loaded);
    if (target.is_musl)
        vmi_channel_close(&target, &channel);   /* nothing leads into it any more, and nothing more can be had: load.c */
    else
        take_out(&target, &channel, &loaded);
    printf("taken out of process %d; its main thread was away for %lld us\n", pid, (long long)target.away_us);
}
