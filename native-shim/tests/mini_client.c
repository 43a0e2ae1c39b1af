#define _GNU_SOURCE
#include "mini_client.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "mini_machine.h"

static bool find_name(char *name, size_t size)
{
    char line[256], wanted[64];
    FILE *sockets = fopen("/proc/net/unix", "r");
    bool found = false;
    snprintf(wanted, sizeof wanted, "@vmipl.shim.%d.", getpid());
    while (sockets && !found && fgets(line, sizeof line, sockets)) {
        const char *at = strstr(line, wanted);
        found = at != NULL;
        if (found)
            snprintf(name, size, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
    }
    if (sockets)
        fclose(sockets);
    return found;
}

static void connect_to_shim(struct mini_client *client)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    while (!find_name(address.sun_path + 1, sizeof address.sun_path - 1))
        usleep(1000);                    /* its thread has just begun */
    client->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address.sun_path + 1));
    if (client->socket < 0 || connect(client->socket, (struct sockaddr *)&address, size) != 0)
        mini_die("the shim's socket");
}

static bool send_message(struct mini_client *client, uint32_t type, const void *payload, size_t size)
{
    struct vmi_message head = { (uint32_t)(sizeof head + size), type, ++client->sequence, 0 };
    return send(client->socket, &head, sizeof head, MSG_NOSIGNAL) == sizeof head
        && (size == 0 || send(client->socket, payload, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static void receive(struct mini_client *client, void *bytes, size_t size)
{
    while (size > 0) {
        ssize_t got = recv(client->socket, bytes, size, 0);
        if (got <= 0)
            mini_die("an answer");
        bytes = (char *)bytes + got;
        size -= (size_t)got;
    }
}

/* Takes one message. */
static void take_message(struct mini_client *client)
{
    struct vmi_message message, *head = &message;
    struct vmi_call call;
    receive(client, head, sizeof *head);
    size_t size = head->size - sizeof *head;
    if (head->type == VMI_NOTICE_CALL && size == sizeof call) {
        receive(client, &call, sizeof call);
        client->calls++;
        struct vmi_continue goes_on = { .vcpu = call.vcpu, .answer = client->answer ? client->answer(client, &call) : 0, .number = call.number };
        mini_client_ask(client, VMI_CONTINUE, &goes_on, sizeof goes_on);
        return;
    }
    if (size >= sizeof client->problem)
        mini_die("a message's size");
    receive(client, client->problem, size);
    client->problem[size] = '\0';
    client->held += head->type == VMI_NOTICE_HELD;
    client->pauses += head->type == VMI_NOTICE_PAUSE;
    client->pages += head->type == VMI_NOTICE_PAGES;
    client->resets += head->type == VMI_NOTICE_RESET;
    if (head->type < VMI_NOTICE_PAUSE) {
        client->answers[head->sequence % 16].status = head->status;
        client->answers[head->sequence % 16].is_there = true;
    }
}

int mini_client_ask(struct mini_client *client, uint32_t type, const void *payload, size_t size)
{
    if (!send_message(client, type, payload, size))
        mini_die("a request");
    uint32_t at = client->sequence % 16;
    client->answers[at].is_there = false;
    while (!client->answers[at].is_there)
        take_message(client);
    return client->answers[at].status;
}

void mini_client_pump(struct mini_client *client, int ms)
{
    struct pollfd end = { .fd = client->socket, .events = POLLIN };
    while (poll(&end, 1, ms) > 0) {
        take_message(client);
        ms = 0;
    }
}

/* False where another client has just gone, and what it had at work is not out yet. */
static bool receive_welcome(struct mini_client *client)
{
    struct vmi_message head;
    struct iovec parts[] = { { &head, sizeof head }, { &client->welcome, sizeof client->welcome } };
    char control[CMSG_SPACE(2 * sizeof(int))];
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control };
    int ends[2];
    ssize_t got = recvmsg(client->socket, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
    if (got >= (ssize_t)sizeof head && head.status == -EBUSY)
        return false;
    if (got != sizeof head + sizeof client->welcome || head.status != 0 || !CMSG_FIRSTHDR(&message))
        mini_die("the welcome");
    memcpy(ends, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof ends);
    client->memory = ends[0];
    client->signal = ends[1];
    return true;
}

/* What a client knows of the machine from QEMU's monitor. */
static void describe_machine(struct mini_client *client)
{
    const struct vmi_range ranges[] = {
        { 0, MINI_RAM_BYTES, (uint64_t)(uintptr_t)mini.ram }, { MINI_RAM_BYTES, MINI_MORE_BYTES, (uint64_t)(uintptr_t)mini.ram + MINI_RAM_BYTES },
    };
    struct vmi_thread threads[MINI_MOST_VCPUS];
    for (uint32_t i = 0; i < mini.count; i++)
        threads[i] = (struct vmi_thread){ i, (uint32_t)mini.vcpus[i].thread_id };
    if (mini_client_ask(client, VMI_MEMORY, NULL, 0) != 0 || mini_client_ask(client, VMI_MEMORY, ranges, sizeof ranges) != 0
        || mini_client_ask(client, VMI_THREADS, threads, mini.count * sizeof threads[0]) != 0)
        mini_die("what the machine is");
}

void mini_client_open(struct mini_client *client, uint32_t policy, uint32_t ring_bytes)
{
    struct vmi_hello hello = { VMI_SHIM_MAGIC, VMI_SHIM_ABI, policy, ring_bytes, 60000, 60000, 0 };
    memset(client, 0, sizeof *client);
    for (bool is_in = false; !is_in;) {
        connect_to_shim(client);
        send_message(client, VMI_HELLO, &hello, sizeof hello);   /* may come too late, and is refused all the same */
        is_in = receive_welcome(client);
        if (!is_in)
            close(client->socket);
    }
    client->bytes = (size_t)lseek(client->memory, 0, SEEK_END);
    client->shared = mmap(NULL, client->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, client->memory, 0);
    if (client->shared == MAP_FAILED)
        mini_die("the ring");
    vmi_reader_open(&client->reader, client->shared);
    describe_machine(client);
}

const struct vmi_counters *mini_client_counters(const struct mini_client *client, uint32_t probe)
{
    return (const struct vmi_counters *)((const uint8_t *)client->shared + client->reader.shared->counters_at) + probe;
}

void mini_client_close(struct mini_client *client)
{
    close(client->socket);
    close(client->memory);
    close(client->signal);
    munmap(client->shared, client->bytes);
}

void mini_program_add(struct mini_program *program, uint8_t opcode, uint8_t destination, uint8_t source, int16_t offset, int32_t immediate)
{
    program->words[program->count++] = opcode | (uint64_t)(destination | source << 4) << 8 | (uint64_t)(uint16_t)offset << 16 | (uint64_t)(uint32_t)immediate << 32;
}

void mini_program_register(struct mini_program *program, uint32_t number, int16_t at)
{
    program->registers |= 1ull << number;
    mini_program_add(program, 0xb7, 1, 0, 0, (int32_t)number);
    mini_program_add(program, 0x85, 0, 0, 0, 1);
    mini_program_add(program, 0x7b, 10, 0, at, 0);
}

void mini_program_memory(struct mini_program *program, uint32_t from_register, int32_t size, int32_t at)
{
    program->registers |= 1ull << from_register;
    mini_program_add(program, 0xb7, 1, 0, 0, (int32_t)from_register);
    mini_program_add(program, 0x85, 0, 0, 0, 1);
    mini_program_add(program, 0xbf, 3, 0, 0, 0);
    mini_program_add(program, 0xbf, 1, 10, 0, 0);
    mini_program_add(program, 0x07, 1, 0, 0, at);
    mini_program_add(program, 0xb7, 2, 0, 0, size);
    mini_program_add(program, 0xb7, 4, 0, 0, 0);
    mini_program_add(program, 0x85, 0, 0, 0, 2);
}

void mini_program_emit(struct mini_program *program, int32_t size, int32_t at)
{
    mini_program_add(program, 0xb7, 1, 0, 0, 0);
    mini_program_add(program, 0xbf, 2, 10, 0, 0);
    mini_program_add(program, 0x07, 2, 0, 0, at);
    mini_program_add(program, 0xb7, 3, 0, 0, size);
    mini_program_add(program, 0x85, 0, 0, 0, 7);
}

void mini_program_end(struct mini_program *program)
{
    mini_program_add(program, 0xb7, 0, 0, 0, 0);
    mini_program_add(program, 0x95, 0, 0, 0, 0);
}

int mini_client_load(struct mini_client *client, const struct mini_program *program)
{
    uint8_t bytes[sizeof(struct vmi_load) + sizeof program->words];
    struct vmi_load load = { .scratch_bytes = program->scratch, .budget = 10000, .schemas = 1, .words = program->count, .registers = program->registers };
    memcpy(bytes, &load, sizeof load);
    memcpy(bytes + sizeof load, program->words, program->count * 8);
    return mini_client_ask(client, VMI_LOAD, bytes, sizeof load + program->count * 8);
}

int mini_client_apply(struct mini_client *client, const struct mini_work *work)
{
    struct {
        struct vmi_apply head;
        uint8_t rest[MINI_MOST_SITES * (sizeof(struct vmi_probe) + sizeof(struct vmi_body) + sizeof(struct vmi_site) + sizeof(struct vmi_use))];
    } message = { .head = { work->sites, work->sites, work->sites, work->sites } };
    uint8_t *at = message.rest;
    for (uint32_t i = 0; i < work->sites; i++, at += sizeof(struct vmi_probe))
        memcpy(at, &(struct vmi_probe){ i, work->is_off[i] ? 0 : VMI_PROBE_ENABLED, i, 1, 0, 0 }, sizeof(struct vmi_probe));
    for (uint32_t i = 0; i < work->sites; i++, at += sizeof(struct vmi_body))
        memcpy(at, &(struct vmi_body){ work->program[i], 0 }, sizeof(struct vmi_body));
    for (uint32_t i = 0; i < work->sites; i++, at += sizeof(struct vmi_site)) {
        struct vmi_site site = work->site[i];
        site.first_use = site.id = i;
        site.uses = 1;
        memcpy(at, &site, sizeof site);
    }
    for (uint32_t i = 0; i < work->sites; i++, at += sizeof(struct vmi_use)) {
        struct vmi_use use = work->use[i];
        use.probe = use.flags & VMI_USE_CALL ? VMI_KEEP : i;
        memcpy(at, &use, sizeof use);
    }
    return mini_client_ask(client, VMI_APPLY, &message, (size_t)(at - (uint8_t *)&message));
}
