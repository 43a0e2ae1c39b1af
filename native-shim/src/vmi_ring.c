#define _GNU_SOURCE
#include "vmi_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmi_system.h"

enum { PAGE = 4096, WAIT_US = 50, SPINS = 200 };

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

static int map_ring(struct vmi_ring_writer *ring)
{
    ring->memory = memfd_create("vmi-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ring->signal = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ring->memory < 0 || ring->signal < 0 || ftruncate(ring->memory, (off_t)ring->bytes) != 0)
        return -errno;
    /* A client that cut it short would end QEMU by SIGBUS. */
    if (fcntl(ring->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return -errno;
    void *shared = mmap(NULL, ring->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->memory, 0);
    if (shared == MAP_FAILED)
        return -errno;
    ring->shared = shared;
    return 0;
}

int vmi_ring_open(struct vmi_ring_writer *ring, uint32_t ring_bytes, bool blocks, uint32_t hold_ms)
{
    memset(ring, 0, sizeof *ring);
    ring->memory = ring->signal = -1;
    if (ring_bytes < VMI_MIN_RING || ring_bytes > VMI_MAX_RING || (ring_bytes & (ring_bytes - 1)) != 0)
        return -EINVAL;
    uint32_t counters_at = round_up(sizeof(struct vmi_ring), 64);
    ring->ring_at = round_up(counters_at + VMI_MAX_PROBES * sizeof(struct vmi_counters), PAGE);
    ring->ring_bytes = ring_bytes;
    ring->bytes = ring->ring_at + ring_bytes;
    ring->blocks = blocks;
    ring->hold_ms = hold_ms;
    int error = map_ring(ring);
    if (error) {
        vmi_ring_close(ring);
        return error;
    }
    ring->shared->magic = VMI_SHIM_MAGIC;
    ring->shared->abi = VMI_SHIM_ABI;
    ring->shared->counters_at = counters_at;
    ring->shared->ring_at = ring->ring_at;
    ring->shared->ring_bytes = ring_bytes;
    return 0;
}

void vmi_ring_close(struct vmi_ring_writer *ring)
{
    if (ring->shared)
        munmap(ring->shared, ring->bytes);
    if (ring->memory >= 0)
        close(ring->memory);
    if (ring->signal >= 0)
        close(ring->signal);
    ring->shared = NULL;
    ring->memory = ring->signal = -1;
}

struct vmi_counters *vmi_ring_counters(const struct vmi_ring_writer *ring, uint32_t probe)
{
    return (struct vmi_counters *)((uint8_t *)ring->shared + round_up(sizeof(struct vmi_ring), 64)) + probe;
}

static void lock(struct vmi_ring_writer *ring)
{
    for (int spins = 0; atomic_exchange_explicit(&ring->lock, 1, memory_order_acquire); spins++) {
        if (spins < SPINS)
            __builtin_ia32_pause();
        else
            vmi_system_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);   /* its thread is not running: more vCPUs than CPUs */
    }
}

static void unlock(struct vmi_ring_writer *ring)
{
    atomic_store_explicit(&ring->lock, 0, memory_order_release);
}

static void publish(struct vmi_ring_writer *ring)
{
    __atomic_store_n(&ring->shared->head, ring->head, __ATOMIC_RELEASE);
}

static void whole(struct vmi_record *record)
{
    __atomic_store_n(&record->state, VMI_WHOLE, __ATOMIC_RELEASE);
}

/* A place for `size` bytes in one piece; NULL where there is none. Under the lock. */
static struct vmi_record *reserve(struct vmi_ring_writer *ring, uint32_t size)
{
    uint64_t used = ring->head - __atomic_load_n(&ring->shared->tail, __ATOMIC_ACQUIRE);
    uint64_t at = ring->head & (ring->ring_bytes - 1), pad = ring->ring_bytes - at;
    if (pad >= size)
        pad = 0;
    /* A tail that cannot be shows as more than there is. */
    if (used > ring->ring_bytes || pad + size > ring->ring_bytes - used)
        return NULL;
    uint8_t *start = (uint8_t *)ring->shared + ring->ring_at;
    if (pad >= sizeof(struct vmi_record)) {
        struct vmi_record *filler = (struct vmi_record *)(start + at);
        memset(filler, 0, sizeof *filler);
        filler->size = (uint32_t)pad;
        filler->kind = VMI_RECORD_PAD;
        whole(filler);
    }
    struct vmi_record *record = (struct vmi_record *)(start + (pad ? 0 : at));
    record->state = 0;
    ring->head += pad + size;
    return record;
}

static void fill(struct vmi_record *record, const struct vmi_origin *origin, uint32_t size, uint64_t sequence, uint32_t bytes)
{
    record->size = size;
    record->kind = origin->kind;
    record->vcpu = origin->vcpu;
    record->probe = origin->probe;
    record->time = origin->time;
    record->sequence = sequence;
    record->schema = origin->schema;
    record->bytes = bytes;
}

/* Tells how many of the probe's records are missing. Under the lock; false where there is no room for it. */
static bool tell_loss(struct vmi_ring_writer *ring, const struct vmi_origin *origin)
{
    uint64_t lost = ring->lost[origin->probe];
    if (lost == 0)
        return true;
    struct vmi_record *record = reserve(ring, sizeof *record);
    if (!record)
        return false;
    struct vmi_origin loss = *origin;
    loss.kind = VMI_RECORD_LOSS;
    loss.schema = lost < UINT32_MAX ? (uint32_t)lost : UINT32_MAX;
    fill(record, &loss, sizeof *record, ring->sequence[origin->probe] - lost, 0);
    whole(record);
    ring->lost[origin->probe] = 0;
    return true;
}

static void wake_client(struct vmi_ring_writer *ring)
{
    /* The client sets it and looks once more at the head: either it sees ours, or we see its. */
    atomic_thread_fence(memory_order_seq_cst);
    if (__atomic_load_n(&ring->shared->waiting, __ATOMIC_RELAXED) == 0)
        return;
    __atomic_store_n(&ring->shared->waiting, 0, __ATOMIC_RELAXED);
    uint64_t one = 1;
    vmi_system_call(SYS_write, ring->signal, (long)&one, sizeof one, 0, 0, 0);
}

static bool wait_for_room(struct vmi_ring_writer *ring, uint64_t *patience_ns)
{
    if (!ring->blocks || *patience_ns == 0 || atomic_load(&ring->gone) || atomic_load(&ring->hurry))
        return false;
    uint64_t start = vmi_system_monotonic_ns();
    wake_client(ring);
    vmi_system_pause_us(WAIT_US);
    uint64_t passed = vmi_system_monotonic_ns() - start;
    *patience_ns -= passed < *patience_ns ? passed : *patience_ns;
    return true;
}

void vmi_ring_write(struct vmi_ring_writer *ring, const struct vmi_origin *origin, const void *bytes, size_t size, uint64_t *patience_ns)
{
    size_t whole_size = round_up(sizeof(struct vmi_record) + size, 8);
    /* One that is larger than half the ring might never find room in one piece. */
    bool fits = whole_size <= ring->ring_bytes / 2;
    struct vmi_record *record = NULL;
    uint64_t sequence;
    for (;;) {
        lock(ring);
        if (fits && tell_loss(ring, origin))
            record = reserve(ring, (uint32_t)whole_size);
        if (record || !fits)
            break;
        publish(ring);   /* the loss may have found room */
        unlock(ring);
        if (wait_for_room(ring, patience_ns))
            continue;
        lock(ring);
        if (tell_loss(ring, origin))
            record = reserve(ring, (uint32_t)whole_size);
        break;
    }
    sequence = ring->sequence[origin->probe]++;
    if (!record)
        ring->lost[origin->probe]++;
    publish(ring);
    unlock(ring);
    struct vmi_counters *counters = vmi_ring_counters(ring, origin->probe);
    __atomic_fetch_add(&counters->records, 1, __ATOMIC_RELAXED);
    if (!record) {
        __atomic_fetch_add(&counters->lost, 1, __ATOMIC_RELAXED);
        return;
    }
    fill(record, origin, (uint32_t)whole_size, sequence, (uint32_t)size);
    memcpy(record + 1, bytes, size);
    whole(record);
    wake_client(ring);
}

void vmi_ring_lose(struct vmi_ring_writer *ring, uint32_t probe)
{
    struct vmi_counters *counters = vmi_ring_counters(ring, probe);
    lock(ring);
    ring->sequence[probe]++;
    ring->lost[probe]++;
    unlock(ring);
    __atomic_fetch_add(&counters->records, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counters->lost, 1, __ATOMIC_RELAXED);
}

bool vmi_batch_add(struct vmi_batch *batch, const struct vmi_origin *origin, const void *bytes, size_t size)
{
    size_t whole_size = round_up(sizeof(struct vmi_record) + size, 8);
    if (whole_size > batch->capacity - batch->used)
        return false;
    struct vmi_record *record = (struct vmi_record *)(batch->bytes + batch->used);
    record->state = 0;
    fill(record, origin, (uint32_t)whole_size, 0, (uint32_t)size);
    memcpy(record + 1, bytes, size);
    batch->used += whole_size;
    batch->records++;
    if (whole_size > batch->largest)
        batch->largest = whole_size;
    return true;
}

/* Whether all of a batch finds room, with the losses that may have to be told and the ring's end that may be passed over. */
static bool has_room(const struct vmi_ring_writer *ring, const struct vmi_batch *batch)
{
    uint64_t used = ring->head - __atomic_load_n(&ring->shared->tail, __ATOMIC_ACQUIRE);
    uint64_t needed = batch->used + batch->largest + batch->records * sizeof(struct vmi_record);
    return used <= ring->ring_bytes && needed <= ring->ring_bytes - used;
}

/* Under the lock. */
static void write_gathered(struct vmi_ring_writer *ring, const struct vmi_record *gathered)
{
    struct vmi_origin origin = { .vcpu = gathered->vcpu, .probe = gathered->probe, .time = gathered->time };
    bool fits = gathered->size <= ring->ring_bytes / 2 && tell_loss(ring, &origin);
    struct vmi_record *record = fits ? reserve(ring, gathered->size) : NULL;
    uint64_t sequence = ring->sequence[gathered->probe]++;
    struct vmi_counters *counters = vmi_ring_counters(ring, gathered->probe);
    __atomic_fetch_add(&counters->records, 1, __ATOMIC_RELAXED);
    if (!record) {
        ring->lost[gathered->probe]++;
        __atomic_fetch_add(&counters->lost, 1, __ATOMIC_RELAXED);
        return;
    }
    memcpy(record, gathered, gathered->size);
    record->sequence = sequence;
    whole(record);
}

void vmi_ring_write_batch(struct vmi_ring_writer *ring, struct vmi_batch *batch, uint64_t *patience_ns)
{
    if (batch->records == 0)
        return;
    lock(ring);
    /* One that is larger than half the ring comes out in pieces. */
    while (batch->used <= ring->ring_bytes / 2 && !has_room(ring, batch)) {
        unlock(ring);
        bool goes_on = wait_for_room(ring, patience_ns);
        lock(ring);
        if (!goes_on)
            break;
    }
    for (size_t at = 0; at < batch->used; at += ((const struct vmi_record *)(batch->bytes + at))->size)
        write_gathered(ring, (const struct vmi_record *)(batch->bytes + at));
    publish(ring);
    unlock(ring);
    batch->used = batch->largest = 0;
    batch->records = 0;
    wake_client(ring);
}

void vmi_ring_tell(struct vmi_ring_writer *ring, const struct vmi_origin *origin, uint64_t sequence)
{
    lock(ring);
    struct vmi_record *record = reserve(ring, sizeof *record);
    if (record) {
        fill(record, origin, sizeof *record, sequence, 0);
        whole(record);
        publish(ring);
    }
    unlock(ring);
    wake_client(ring);
}

void vmi_ring_tell_losses(struct vmi_ring_writer *ring, uint64_t time)
{
    lock(ring);
    for (uint32_t probe = 0; probe < VMI_MAX_PROBES; probe++)
        tell_loss(ring, &(struct vmi_origin){ .probe = probe, .time = time });
    publish(ring);
    unlock(ring);
    wake_client(ring);
}
