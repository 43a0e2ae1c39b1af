/* A memory file of the target, open there and here: the library goes in through it, and reports come out. */
#ifndef VMI_CHANNEL_H
#define VMI_CHANNEL_H

#include "target.h"
#include "trampoline.h"

/* What /proc shows of it, as a file and as a mapping. */
#define VMI_CHANNEL_NAME "vmi-shim"
#define VMI_CHANNEL_PATH "/memfd:" VMI_CHANNEL_NAME " (deleted)"

struct vmi_channel {
    int number;                /* file descriptor in the target */
    int fd;                    /* ours */
    uint64_t report_offset;
};

/* Makes one, or takes that which a killed run has left. Empty. */
struct vmi_channel vmi_channel_open(struct vmi_target *target);

/* Puts a file's bytes into it, at its begin. */
void vmi_channel_put(struct vmi_channel *channel, const void *bytes, size_t size);

void vmi_channel_clear(const struct vmi_channel *channel);

/* False as long as there is none. */
bool vmi_channel_report(const struct vmi_channel *channel, struct vmi_report *report);

/* Has the target close it. */
void vmi_channel_close(struct vmi_target *target, const struct vmi_channel *channel);

#endif
