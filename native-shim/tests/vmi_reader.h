/* The client's side of the ring, as vmi_shim.h tells it, with a look at everything that must hold. One thread. */
#ifndef VMI_READER_H
#define VMI_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "vmi_shim.h"

struct vmi_reader {
    struct vmi_ring *shared;
    const uint8_t *start;
    uint64_t bytes, tail;
    uint64_t next[VMI_MAX_PROBES];        /* sequence of the probe's next record or loss */
    uint64_t taken[VMI_MAX_PROBES], told[VMI_MAX_PROBES];
    const char *problem;                  /* the first thing that does not hold */
    void (*see)(void *context, const struct vmi_record *record, const void *bytes);   /* data records; may be NULL */
    void *context;
};

void vmi_reader_open(struct vmi_reader *reader, void *shared);

/* Takes up to `most` whole records. How many. */
uint64_t vmi_reader_take(struct vmi_reader *reader, uint64_t most);

/* Sets `waiting`, having looked once more: true where the eventfd is to be waited for. */
bool vmi_reader_wants_to_wait(struct vmi_reader *reader);

/* Records of a probe that the counters say were lost and no record has told of. */
uint64_t vmi_reader_untold(const struct vmi_reader *reader, uint32_t probe);

#endif
