/* A client's session through a socket pair: requests of every kind in any order, split anywhere, whole, wrong and random. The machine is KVM's in
 * name only: two memory files stand for vCPUs, which refuse what KVM is asked, and a buffer for the guest's RAM. Whatever the client says, each
 * request has one answer, and when it is gone the RAM is as it was. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz_tables.h"
#include "vmi_session.h"
#include "vmi_world.h"

enum { MOST_INPUT = 3000, RAM = 0x4000, MOST_REQUESTS = 24, VCPUS = 2 };

static uint8_t *ram, *kept;
static struct vmi_session session;
static uint64_t answers, requests;

bool __real_vmi_map_set(struct vmi_map *map, const struct vmi_range *ranges, uint32_t count);
bool __wrap_vmi_map_set(struct vmi_map *map, const struct vmi_range *ranges, uint32_t count);

/* Where the RAM lies in the host is believed of a client, which has the right to write there anyway: here it stays within the buffer. */
bool __wrap_vmi_map_set(struct vmi_map *map, const struct vmi_range *ranges, uint32_t count)
{
    struct vmi_range all = { 0, RAM, (uint64_t)(uintptr_t)ram };
    return __real_vmi_map_set(map, ranges, count) && __real_vmi_map_set(map, &all, 1);
}

void __wrap_vmi_attach(void);

/* The machine is there from the beginning. */
void __wrap_vmi_attach(void)
{
}

static void on_kick(int signal_number)
{
    (void)signal_number;
}

static void make_world(void)
{
    if (ram)
        return;
    struct sigaction action = { .sa_handler = on_kick };
    sigaction(SIGUSR1, &action, NULL);
    ram = aligned_alloc(4096, RAM);
    kept = malloc(RAM);
    for (int i = 0; i < RAM; i++)
        kept[i] = (uint8_t)(i * 7 % 5 ? i * 31 : 0xcc);
    memcpy(ram, kept, RAM);
    vmi_world.abilities = VMI_CAN_RUN | VMI_CAN_SYNC | VMI_CAN_DEBUG | VMI_CAN_BLOCK_IRQ;
    atomic_store(&vmi_world.signal, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    for (uint32_t i = 0; i < VCPUS; i++) {
        int fd = memfd_create("vcpu", MFD_CLOEXEC);
        vmi_fuzz_require(fd >= 0 && ftruncate(fd, 4096) == 0 && vmi_vcpu_add(fd, i), "no vCPU");
        atomic_store(&vmi_vcpu_at(i)->seen, 1);
    }
}

static void add_message(struct vmi_bytes *stream, struct vmi_fuzz_source *source, uint32_t type, const void *payload, size_t size)
{
    struct vmi_message head = { (uint32_t)(sizeof head + size), type, (uint32_t)requests, 0 };
    if (vmi_fuzz_below(source, 200) == 0)
        head.size = (uint32_t)vmi_fuzz_number(source, 4);
    vmi_bytes_add(stream, &head, sizeof head);
    vmi_bytes_add(stream, payload, size);
    requests++;
}

static void add_program(struct vmi_bytes *stream, struct vmi_fuzz_source *source)
{
    uint8_t payload[sizeof(struct vmi_load) + 24];
    /* r0 = number; a helper now and then; exit */
    uint64_t words[] = { 0xb7 | vmi_fuzz_number(source, 4) << 32, vmi_fuzz_below(source, 4) ? 0x00b7 : 0x85 | vmi_fuzz_number(source, 1) % 13 << 32, 0x95 };
    struct vmi_load load = { vmi_fuzz_below(source, 100), 1 + vmi_fuzz_below(source, 100), 1, 3, vmi_fuzz_number(source, 8) };
    memcpy(payload, &load, sizeof load);
    memcpy(payload + sizeof load, words, sizeof words);
    add_message(stream, source, VMI_LOAD, payload, sizeof payload - (vmi_fuzz_below(source, 30) == 0));
}

static void add_random(struct vmi_bytes *stream, struct vmi_fuzz_source *source)
{
    uint8_t payload[64];
    uint32_t size = vmi_fuzz_below(source, sizeof payload);
    for (uint32_t i = 0; i < size; i++)
        payload[i] = (uint8_t)vmi_fuzz_number(source, 1);
    add_message(stream, source, vmi_fuzz_below(source, 12), payload, size);
}

static void add_request(struct vmi_bytes *stream, struct vmi_fuzz_source *source)
{
    struct vmi_bytes payload = { 0 };
    struct vmi_range range = { 0, RAM, 0x1000 };
    struct vmi_number number = { vmi_fuzz_below(source, 4), 0 };
    struct vmi_run run = { vmi_fuzz_below(source, 4) * 200, vmi_fuzz_below(source, 3) };
    switch (vmi_fuzz_below(source, 12)) {
    case 0: add_message(stream, source, VMI_MEMORY, &range, vmi_fuzz_below(source, 2) ? sizeof range : 0); break;
    case 1: case 2: case 3: add_program(stream, source); break;
    case 4: add_message(stream, source, VMI_UNLOAD, &number, sizeof number); break;
    case 5: add_message(stream, source, VMI_RUN, &run, sizeof run); break;
    case 6: add_random(stream, source); break;
    case 7:
        if (vmi_fuzz_below(source, 6) == 0)
            add_message(stream, source, VMI_END, NULL, 0);
        break;
    default:
        vmi_fuzz_make_tables(source, vmi_fuzz_below(source, 4), kept, RAM, &payload);
        for (uint32_t flips = vmi_fuzz_below(source, 8) == 0; flips > 0; flips--)
            payload.at[vmi_fuzz_below(source, (uint32_t)payload.size)] ^= (uint8_t)(1 << vmi_fuzz_below(source, 8));
        add_message(stream, source, VMI_APPLY, payload.at, payload.size);
        vmi_bytes_clear(&payload);
    }
}

static void make_stream(struct vmi_fuzz_source *source, struct vmi_bytes *stream)
{
    struct vmi_hello hello = { VMI_SHIM_MAGIC, VMI_SHIM_ABI, vmi_fuzz_below(source, 2), VMI_MIN_RING, 1, 1, 0 };
    if (vmi_fuzz_below(source, 50) == 0)
        hello.ring_bytes = (uint32_t)vmi_fuzz_number(source, 4) & 0x1ffff;
    requests = 1;
    if (vmi_fuzz_below(source, 30))
        add_message(stream, source, VMI_HELLO, &hello, sizeof hello);
    add_message(stream, source, VMI_MEMORY, NULL, 0);
    add_message(stream, source, VMI_MEMORY, &(struct vmi_range){ 0, RAM, 0x1000 }, sizeof(struct vmi_range));
    while (source->size > 300 && requests < MOST_REQUESTS)
        add_request(stream, source);
}

/* Takes what the shim has answered; descriptors that come with it are closed. */
static void take_answers(int client)
{
    static uint8_t bytes[1 << 16];
    static size_t used;
    char control[CMSG_SPACE(2 * sizeof(int))];
    for (;;) {
        struct iovec part = { bytes + used, sizeof bytes - used };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
        ssize_t got = recvmsg(client, &message, MSG_DONTWAIT);
        int ends[2];
        if (got > 0 && CMSG_FIRSTHDR(&message)) {
            memcpy(ends, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof ends);
            close(ends[0]);
            close(ends[1]);
        }
        if (got <= 0)
            break;
        used += (size_t)got;
        struct vmi_message head;
        for (; used >= sizeof head; answers += head.type < VMI_NOTICE_PAUSE) {
            memcpy(&head, bytes, sizeof head);
            vmi_fuzz_require(head.size >= sizeof head && head.size <= 4096, "an answer's size cannot be");
            if (used < head.size)
                break;
            vmi_fuzz_require(head.type < VMI_NOTICE_PAUSE || head.sequence == 0, "a notice has a number");
            used -= head.size;
            memmove(bytes, bytes + head.size, used);
        }
    }
    vmi_fuzz_require(used == 0, "half an answer");
}

static bool run(const uint8_t *data, size_t size)
{
    struct vmi_fuzz_source source = { data, size };
    struct vmi_bytes stream = { 0 };
    int ends[2];
    make_stream(&source, &stream);
    vmi_fuzz_require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "no sockets");
    vmi_session_open(&session, ends[1]);
    answers = 0;
    for (size_t sent = 0; sent < stream.size && !session.is_gone;) {
        size_t part = 1 + vmi_fuzz_below(&source, vmi_fuzz_below(&source, 4) ? 4096 : 24);
        part = part < stream.size - sent ? part : stream.size - sent;
        vmi_fuzz_require(send(ends[0], stream.at + sent, part, MSG_NOSIGNAL) == (ssize_t)part, "no socket");
        sent += part;
        vmi_session_receive(&session);
        vmi_session_tell(&session);
        take_answers(ends[0]);
    }
    vmi_bytes_clear(&stream);
    bool was_greeted = session.is_greeted;
    vmi_fuzz_require(answers <= requests, "more answers than requests");
    close(ends[0]);
    session.is_gone = true;
    /* As the control thread does: on a busy machine the time may be up before the vCPUs were looked at. */
    for (int tries = 0; tries < 20 && session.client >= 0; tries++)
        vmi_session_close_gone(&session);
    vmi_fuzz_require(session.client < 0 && !vmi_world.tables && !vmi_world.ring && vmi_world.program_count == 0, "a session leaves something behind");
    vmi_fuzz_require(memcmp(ram, kept, RAM) == 0, "the guest's memory is not as it was");
    return was_greeted && answers > 5;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    make_world();
    run(data, size);
    return 0;
}

#ifndef VMI_LIBFUZZER
int main(int count, char **arguments)
{
    make_world();
    int status = vmi_fuzz_drive(count, arguments, run, MOST_INPUT);
    free(ram);
    free(kept);
    return status;
}
#endif
