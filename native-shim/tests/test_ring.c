/* Records through the ring: none is lost without a word, whatever the client does. `test_ring [RECORDS]` per writer. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmi_check.h"
#include "vmi_reader.h"
#include "vmi_ring.h"

enum { WRITERS = 4, PROBES = 3, MOST_BYTES = 3000 };

static struct vmi_ring_writer ring;
static struct vmi_reader reader;
static uint64_t records = 30000;
static _Atomic uint64_t written[PROBES];
static _Atomic uint32_t running, broken;

static void open_ring(uint32_t bytes, bool blocks)
{
    expect_equal(0, (uint64_t)vmi_ring_open(&ring, bytes, blocks, 1000), "a ring cannot be made");
    vmi_reader_open(&reader, ring.shared);
    for (int i = 0; i < PROBES; i++)
        written[i] = 0;
}

static void close_ring(void)
{
    expect(reader.problem == NULL, reader.problem ? reader.problem : "");
    vmi_ring_close(&ring);
}

/* A record's bytes follow from its first one, its probe and its size. */
static void write_some(uint32_t probe, uint64_t seed, size_t size, uint64_t patience)
{
    uint8_t bytes[MOST_BYTES];
    memset(bytes, (int)(seed + probe + size), size);
    struct vmi_origin origin = { .kind = VMI_RECORD_DATA, .vcpu = 3, .probe = probe, .schema = (uint32_t)seed & 0xff, .time = 5 };
    vmi_ring_write(&ring, &origin, bytes, size, &patience);
    written[probe]++;
}

static void see(void *context, const struct vmi_record *record, const void *bytes)
{
    const uint8_t *at = bytes;
    uint8_t expected = (uint8_t)(record->schema + record->probe + record->bytes);
    bool is_right = record->vcpu == 3 && record->time == 5;
    for (uint32_t i = 0; i < record->bytes; i++)
        is_right &= at[i] == expected;
    if (!is_right)
        broken++;
    (void)context;
}

/* After the end: what was delivered and what was told or counted as lost is what was written. */
static void expect_all_accounted(void)
{
    vmi_ring_tell_losses(&ring, 5);
    vmi_reader_take(&reader, UINT64_MAX);
    for (uint32_t i = 0; i < PROBES; i++) {
        const struct vmi_counters *counters = vmi_ring_counters(&ring, i);
        expect_equal(written[i], counters->records, "records are not counted");
        expect_equal(written[i], reader.taken[i] + reader.told[i] + vmi_reader_untold(&reader, i), "records are neither delivered nor told of");
    }
    expect_equal(0, broken, "records have other bytes than were written");
}

static void openings_are_checked(void)
{
    const uint32_t wrong[] = { 0, VMI_MIN_RING / 2, VMI_MIN_RING + 8, VMI_MAX_RING * 2u, 3 << 20 };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect(vmi_ring_open(&ring, wrong[i], false, 0) < 0 && ring.memory < 0 && !ring.shared, "a size that cannot be is accepted");
    open_ring(VMI_MIN_RING, false);
    expect(ftruncate(ring.memory, 4096) != 0 && ftruncate(ring.memory, 1 << 30) != 0, "the memory can be cut short, or grow");
    expect(fcntl(ring.memory, F_ADD_SEALS, F_SEAL_WRITE) != 0, "the memory can be sealed further");
    close_ring();
}

static void one_at_a_time(void)
{
    uint64_t seed = 1;
    open_ring(VMI_MIN_RING, false);
    reader.see = see;
    for (int i = 0; i < 20000; i++) {
        /* Sizes that leave 8, 16 … bytes at the ring's end, where a pad has no room. */
        write_some(i % PROBES, next_random(&seed), next_random(&seed) % (i % 5 ? 64 : MOST_BYTES), 0);
        if (next_random(&seed) % 8 == 0)
            vmi_reader_take(&reader, next_random(&seed) % 20);
    }
    expect_all_accounted();
    expect(reader.told[0] == 0 || reader.taken[0] > 0, "nothing was delivered");
    close_ring();
}

static void a_full_ring_drops_and_tells(void)
{
    open_ring(VMI_MIN_RING, false);
    reader.see = see;
    for (int i = 0; i < 3000; i++)
        write_some(i % 2, (uint64_t)i, 48, 0);
    uint64_t lost = vmi_ring_counters(&ring, 0)->lost;
    expect(lost > 0 && lost < 1500, "a full ring loses nothing, or all");
    vmi_reader_take(&reader, UINT64_MAX);
    expect(reader.told[0] < lost, "losses are told of that nothing has followed yet");
    write_some(0, 1, 8, 0);
    vmi_reader_take(&reader, UINT64_MAX);
    expect_equal(lost, reader.told[0], "a loss is not told of with the next record");
    write_some(2, 1, MOST_BYTES, 0);
    expect_all_accounted();
    expect_equal(0, vmi_reader_untold(&reader, 1), "a loss at the end is not told of where there is room");
    close_ring();
}

static void one_that_never_fits_is_lost(void)
{
    static uint8_t bytes[VMI_MIN_RING];
    uint64_t patience = UINT64_MAX;
    open_ring(VMI_MIN_RING, true);
    struct vmi_origin origin = { .kind = VMI_RECORD_DATA, .probe = 1 };
    vmi_ring_write(&ring, &origin, bytes, VMI_MIN_RING / 2, &patience);
    written[1]++;
    expect_equal(1, vmi_ring_counters(&ring, 1)->lost, "a record that never fits is not lost");
    expect_equal(UINT64_MAX, patience, "one waits for room that there never is");
    expect_all_accounted();
    close_ring();
}

/* The client writes anything to all that it can write to. */
static void a_malicious_client_gets_nowhere(void)
{
    uint64_t seed = 3;
    open_ring(VMI_MIN_RING, false);
    for (int i = 0; i < 50000; i++) {
        uint64_t head = ring.head;
        switch (next_random(&seed) % 6) {
        case 0: ring.shared->tail = next_random(&seed); break;
        case 1: ring.shared->tail = head - next_random(&seed) % (2 * VMI_MIN_RING); break;
        case 2: ring.shared->tail = head; break;
        case 3: ring.shared->tail = head + 1 + next_random(&seed) % 100; break;
        case 4: ring.shared->head = next_random(&seed); ring.shared->ring_bytes = (uint32_t)next_random(&seed); break;
        default: memset((uint8_t *)ring.shared + ring.ring_at, (int)next_random(&seed), VMI_MIN_RING); break;
        }
        ring.shared->ring_at = ring.shared->counters_at = (uint32_t)next_random(&seed);
        ring.shared->waiting = (uint32_t)next_random(&seed) & 1;
        write_some(i % PROBES, next_random(&seed), next_random(&seed) % MOST_BYTES, 0);
        expect(ring.head - head <= VMI_MIN_RING && ring.head % 8 == 0, "the head goes further than a ring");
    }
    vmi_ring_close(&ring);
}

static void patience_ends(void)
{
    uint64_t patience = 3000000;
    uint8_t bytes[1000] = { 0 };
    struct vmi_origin origin = { .kind = VMI_RECORD_DATA, .probe = 0 };
    open_ring(VMI_MIN_RING, true);
    for (int i = 0; i < 200; i++)
        vmi_ring_write(&ring, &origin, bytes, sizeof bytes, &patience);
    expect_equal(0, patience, "patience does not end");
    patience = UINT64_MAX;
    atomic_store(&ring.gone, 1);
    vmi_ring_write(&ring, &origin, bytes, sizeof bytes, &patience);
    expect(patience > UINT64_MAX / 2, "one waits for a client that is gone");
    vmi_ring_close(&ring);
}

static void *write_many(void *number)
{
    uint64_t seed = (uint64_t)(uintptr_t)number;
    for (uint64_t i = 0; i < records; i++)
        write_some((uint32_t)(next_random(&seed) % PROBES), next_random(&seed), next_random(&seed) % (i % 16 ? 100 : MOST_BYTES), ring.blocks ? UINT64_MAX : 0);
    running--;
    uint64_t one = 1;
    return write(ring.signal, &one, sizeof one) == sizeof one ? NULL : number;
}

/* Reads as a client does, asleep while there is nothing. A wake-up that does not come ends the test by its own time. */
static void read_many(bool is_slow)
{
    while (running > 0 || !vmi_reader_wants_to_wait(&reader)) {
        vmi_reader_take(&reader, is_slow ? 3 : UINT64_MAX);
        if (running == 0 || !vmi_reader_wants_to_wait(&reader))
            continue;
        struct pollfd end = { .fd = ring.signal, .events = POLLIN };
        expect(poll(&end, 1, 60000) > 0 || running == 0, "a client that waits is not woken");
        uint64_t count;
        if (read(ring.signal, &count, sizeof count) < 0)
            continue;
    }
}

static void writers_and_a_reader(bool blocks, bool is_slow)
{
    pthread_t writers[WRITERS];
    open_ring(VMI_MIN_RING, blocks);
    reader.see = see;
    running = WRITERS;
    for (uintptr_t i = 0; i < WRITERS; i++)
        if (pthread_create(&writers[i], NULL, write_many, (void *)(i + 1)) != 0)
            abort();
    read_many(is_slow);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    expect_all_accounted();
    for (uint32_t i = 0; blocks && i < PROBES; i++)
        expect_equal(written[i], reader.taken[i], "a ring that blocks has lost records");
    close_ring();
}

int main(int count, char **arguments)
{
    if (count > 1)
        records = strtoull(arguments[1], NULL, 0);
    openings_are_checked();
    one_at_a_time();
    a_full_ring_drops_and_tells();
    one_that_never_fits_is_lost();
    a_malicious_client_gets_nowhere();
    patience_ends();
    for (int i = 0; i < 4; i++)
        writers_and_a_reader(i & 1, i & 2);
    return conclude();
}
