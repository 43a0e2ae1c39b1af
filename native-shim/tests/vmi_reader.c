#include "vmi_reader.h"

#include <string.h>

void vmi_reader_open(struct vmi_reader *reader, void *shared)
{
    memset(reader, 0, sizeof *reader);
    reader->shared = shared;
    reader->start = (const uint8_t *)shared + reader->shared->ring_at;
    reader->bytes = reader->shared->ring_bytes;
}

static const struct vmi_counters *counters_of(const struct vmi_reader *reader, uint32_t probe)
{
    return (const struct vmi_counters *)((const uint8_t *)reader->shared + reader->shared->counters_at) + probe;
}

static void complain(struct vmi_reader *reader, const char *problem)
{
    if (!reader->problem)
        reader->problem = problem;
}

static void look_at(struct vmi_reader *reader, const struct vmi_record *record)
{
    if (record->kind == VMI_RECORD_PAD)
        return;
    if (record->size < sizeof *record + record->bytes)
        complain(reader, "a record has more bytes than it has room for");
    if (record->probe >= VMI_MAX_PROBES) {
        complain(reader, "a record is of a probe that cannot be");
        return;
    }
    uint64_t *next = &reader->next[record->probe];
    if (record->kind == VMI_RECORD_LOSS) {
        if (record->sequence != *next || record->schema == 0)
            complain(reader, "a loss does not begin where the records ended");
        *next += record->schema;
        reader->told[record->probe] += record->schema;
    } else if (record->kind == VMI_RECORD_DATA || record->kind == VMI_RECORD_KEPT) {
        if (record->sequence != *next)
            complain(reader, "a record is missing without a word");
        *next = record->sequence + 1;
        reader->taken[record->probe]++;
        if (reader->see)
            reader->see(reader->context, record, record + 1);
    }
}

uint64_t vmi_reader_take(struct vmi_reader *reader, uint64_t most)
{
    uint64_t taken = 0, head = __atomic_load_n(&reader->shared->head, __ATOMIC_ACQUIRE);
    while (taken < most && reader->tail != head) {
        uint64_t at = reader->tail & (reader->bytes - 1), left = reader->bytes - at;
        if (left < sizeof(struct vmi_record)) {
            reader->tail += left;
            continue;
        }
        const struct vmi_record *record = (const struct vmi_record *)(reader->start + at);
        if (__atomic_load_n(&record->state, __ATOMIC_ACQUIRE) != VMI_WHOLE)
            break;
        if (record->size < sizeof *record || record->size % 8 != 0 || record->size > left || record->size > head - reader->tail) {
            complain(reader, "a record's size cannot be");
            break;
        }
        look_at(reader, record);
        taken += record->kind != VMI_RECORD_PAD;
        reader->tail += record->size;
        __atomic_store_n(&reader->shared->tail, reader->tail, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&reader->shared->tail, reader->tail, __ATOMIC_RELEASE);
    return taken;
}

bool vmi_reader_wants_to_wait(struct vmi_reader *reader)
{
    __atomic_store_n(&reader->shared->waiting, 1, __ATOMIC_SEQ_CST);
    if (vmi_reader_take(reader, 1) == 0)
        return true;
    __atomic_store_n(&reader->shared->waiting, 0, __ATOMIC_SEQ_CST);
    return false;
}

uint64_t vmi_reader_untold(const struct vmi_reader *reader, uint32_t probe)
{
    return __atomic_load_n(&counters_of(reader, probe)->lost, __ATOMIC_RELAXED) - reader->told[probe];
}
