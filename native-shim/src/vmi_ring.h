/* Records on their way to the client, through memory that is shared with it (vmi_shim.h). The client may be slow, dead or malicious: what
 * it writes there is looked at once, and held to what it can be. */
#ifndef VMI_RING_H
#define VMI_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmi_shim.h"

struct vmi_ring_writer {
    int memory;               /* the memfd, sealed */
    int signal;               /* the eventfd */
    struct vmi_ring *shared;
    size_t bytes;             /* of the whole mapping */
    uint32_t ring_at;         /* what the shared head says, but the client cannot change it here */
    uint32_t ring_bytes;
    uint32_t hold_ms;
    bool blocks;
    _Atomic uint32_t gone;    /* the client is: nobody waits for room any more */
    _Atomic uint32_t hurry;   /* QEMU waits for the vCPUs: nobody waits for room meanwhile */
    _Atomic uint32_t lock;    /* held by a vCPU for some dozen instructions, never while it waits */
    uint64_t head;
    uint64_t sequence[VMI_MAX_PROBES];
    uint64_t lost[VMI_MAX_PROBES];   /* since the last record of the probe that found room */
};

/* Makes the memory, of which the caller owns the two descriptors until vmi_ring_close. 0 or a negative errno. */
int vmi_ring_open(struct vmi_ring_writer *ring, uint32_t ring_bytes, bool blocks, uint32_t hold_ms);
void vmi_ring_close(struct vmi_ring_writer *ring);

/* A probe's counters in the shared memory. */
struct vmi_counters *vmi_ring_counters(const struct vmi_ring_writer *ring, uint32_t probe);

/* What a record is, and whose. */
struct vmi_origin {
    uint16_t kind;
    uint16_t vcpu;
    uint32_t probe;
    uint32_t schema;
    uint64_t time;
};

/* Hands out one record of a probe and numbers it; waits for room as long as `*patience_ns` (which it takes from) lasts and the client lives,
 * where the ring blocks. A record without room is counted, and told of in front of the probe's next one. Allocates nothing. */
void vmi_ring_write(struct vmi_ring_writer *ring, const struct vmi_origin *origin, const void *bytes, size_t size, uint64_t *patience_ns);

/* Counts a record of a probe that could not even be made. */
void vmi_ring_lose(struct vmi_ring_writer *ring, uint32_t probe);

/* Records of one event, gathered so that they come out in one piece, whatever other vCPUs hand out meanwhile: each a vmi_record, without
 * number and state, with its bytes. Its owner's. */
struct vmi_batch {
    uint8_t *bytes;
    size_t used, capacity;
    uint32_t records;
    size_t largest;
};

/* Adds a record; false where it has no room there: the batch is to be handed out first, and a larger one by vmi_ring_write. */
bool vmi_batch_add(struct vmi_batch *batch, const struct vmi_origin *origin, const void *bytes, size_t size);

/* Hands out what was gathered, as vmi_ring_write does, and empties the batch. */
void vmi_ring_write_batch(struct vmi_ring_writer *ring, struct vmi_batch *batch, uint64_t *patience_ns);

/* Hands out a word about a probe, which has no number; where there is no room, it is dropped. */
void vmi_ring_tell(struct vmi_ring_writer *ring, const struct vmi_origin *origin, uint64_t sequence);

/* Tells of the losses that no record has followed. At the session's end. */
void vmi_ring_tell_losses(struct vmi_ring_writer *ring, uint64_t time);

#endif
