#define _GNU_SOURCE
#include "vmi_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmi_attach.h"
#include "vmi_call.h"
#include "vmi_control.h"
#include "vmi_event.h"
#include "vmi_registers.h"
#include "vmi_retry.h"
#include "vmi_system.h"
#include "vmi_traps.h"

enum { PROBLEM = 256, WAIT_US = 200, FIRST_CAPACITY = 1 << 16, FIRST_DUE_MS = 20, LAST_DUE_MS = 4000 };

/* All programs' memory, of each vCPU. */
#define MAX_MEMORY ((size_t)64 << 20)

/* A request that is whole. */
struct request {
    struct vmi_message head;
    const uint8_t *payload;
    size_t size;
};

void vmi_session_init(struct vmi_session *session)
{
    *session = (struct vmi_session){ .client = -1, .is_over = true, .ring = { .memory = -1, .signal = -1 } };
}

/* ---- sending ---- */

static bool send_all(int client, const void *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(client, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes = (const uint8_t *)bytes + sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool send_message(int client, const struct vmi_message *head, const void *payload)
{
    return send_all(client, head, sizeof *head) && send_all(client, payload, head->size - sizeof *head);
}

static void answer(struct vmi_session *session, const struct request *request, int status, const char *text)
{
    size_t size = status ? strlen(text) : 0;
    struct vmi_message head = { (uint32_t)(sizeof head + size), request->head.type, request->head.sequence, status };
    if (!send_message(session->client, &head, text))
        session->is_gone = true;
}

static void notify(struct vmi_session *session, uint32_t type, const void *payload, size_t size)
{
    struct vmi_message head = { (uint32_t)(sizeof head + size), type, 0, 0 };
    if (session->client >= 0 && !session->is_gone && !send_message(session->client, &head, payload))
        session->is_gone = true;
}

/* The welcome, with the ring's two descriptors. */
static bool send_welcome(int client, const struct request *request, const struct vmi_welcome *welcome, const int descriptors[2])
{
    struct vmi_message head = { sizeof head + sizeof *welcome, request->head.type, request->head.sequence, 0 };
    struct iovec parts[] = { { &head, sizeof head }, { (void *)(uintptr_t)welcome, sizeof *welcome } };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(2 * sizeof(int))];
    } control = { 0 };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control.space };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, 2 * sizeof(int));
    return sendmsg(client, &message, MSG_NOSIGNAL) == (ssize_t)(sizeof head + sizeof *welcome);
}

/* ---- the end ---- */

static void free_programs(uint32_t left)
{
    if (vmi_world.laid_out > left)
        vmi_world.laid_out = left;
    while (vmi_world.program_count > left)
        vmi_program_free(vmi_world.programs[--vmi_world.program_count]);
}

/* Those that are held for the client look at once. */
static void release_held(void)
{
    atomic_store(&vmi_world.is_ending, 1);
    atomic_store(&vmi_world.ring->gone, 1);
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        vmi_system_wake(&vmi_vcpu_at(i)->answered);
}

static void await_released(void)
{
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        while (atomic_load(&vmi_vcpu_at(i)->waits))
            vmi_system_pause_us(WAIT_US);
}

/* Nothing of the session is left for the next one. The world is stopped. */
static void forget(void)
{
    vmi_world.ring = NULL;
    vmi_world.needs_sregs = vmi_world.pages_are_given_up = false;
    vmi_retry_forget();
    vmi_call_forget();
    for (uint32_t i = 0; i < VMI_MAX_PROBES; i++)
        atomic_store(&vmi_world.body[i], 0);
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++) {
        struct vmi_vcpu *vcpu = vmi_vcpu_at(i);
        vcpu->pause_until = 0;
        vcpu->prepared = 0;
        vmi_registers_sync(vcpu, false, false);   /* nobody is in the way of its next exits who would */
        atomic_store(&vcpu->told, 0);
    }
}

/* Takes everything out. False where the vCPUs did not come out of the guest in time: then nothing has changed. */
static bool end(struct vmi_session *session)
{
    char problem[PROBLEM];
    if (session->is_over)
        return true;
    release_held();
    vmi_world_lock();
    struct vmi_tables *tables = (struct vmi_tables *)(uintptr_t)vmi_world.tables;
    /* With nothing at work, nobody has to stop for it. */
    if (tables && (!vmi_control_bring_out() || vmi_traps_become(NULL, problem, sizeof problem) != 0)) {
        vmi_world_go();
        return false;
    }
    vmi_ring_tell_losses(&session->ring, vmi_system_utc_ns());
    forget();
    vmi_detach();
    vmi_world_go();
    await_released();
    vmi_tables_free(tables);
    free_programs(0);
    atomic_store(&vmi_world.is_ending, 0);
    session->is_over = true;
    return true;
}

static void hang_up(struct vmi_session *session)
{
    if (session->client >= 0)
        close(session->client);
    vmi_ring_close(&session->ring);
    free(session->buffer);
    vmi_session_init(session);
}

int vmi_session_due_ms(const struct vmi_session *session)
{
    return session->is_gone ? session->due_ms : -1;
}

void vmi_session_close_gone(struct vmi_session *session)
{
    if (!session->is_gone)
        return;
    if (end(session))
        hang_up(session);
    else
        session->due_ms = session->due_ms == 0 ? FIRST_DUE_MS : session->due_ms < LAST_DUE_MS ? session->due_ms * 2 : LAST_DUE_MS;
}

bool vmi_session_close(struct vmi_session *session)
{
    bool done = end(session);
    if (done)
        hang_up(session);
    return done;
}

void vmi_session_open(struct vmi_session *session, int client)
{
    vmi_session_init(session);
    session->client = client;
}

bool vmi_session_is_left(const struct vmi_session *session)
{
    char byte;
    return session->client >= 0 && recv(session->client, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void vmi_session_refuse(int client)
{
    static const char text[] = "another client's probes are at work in this QEMU";
    struct vmi_message head = { sizeof head + sizeof text - 1, VMI_HELLO, 0, -EBUSY };
    send_message(client, &head, text);
    close(client);
}

/* ---- requests ---- */

static void hello(struct vmi_session *session, const struct request *request)
{
    struct vmi_hello said;
    memset(&said, 0, sizeof said);
    if (request->size == sizeof said)
        memcpy(&said, request->payload, sizeof said);
    if (session->is_greeted || said.magic != VMI_SHIM_MAGIC || said.abi != VMI_SHIM_ABI) {
        answer(session, request, -EPROTO, "this shim speaks another version of the protocol, or was greeted before");
        session->is_gone = true;
        return;
    }
    int error = vmi_ring_open(&session->ring, said.ring_bytes, said.policy == VMI_BLOCK, said.hold_ms);
    if (error) {
        answer(session, request, error, "the ring cannot be made");
        return;
    }
    vmi_attach();
    struct vmi_welcome welcome = {
        .magic = VMI_SHIM_MAGIC, .abi = VMI_SHIM_ABI, .abilities = vmi_world.abilities, .vcpus = vmi_vcpu_count(), .process = (uint32_t)getpid(),
    };
    vmi_world.answer_ms = said.answer_ms;
    session->is_greeted = true;
    session->is_over = false;
    vmi_world.ring = &session->ring;
    if (!send_welcome(session->client, request, &welcome, (int[]){ session->ring.memory, session->ring.signal }))
        session->is_gone = true;
}

/* Nobody has to stop where nothing is at work. Ends with vmi_world_go; false, and answered, where it has to be and cannot. */
static bool stop_if_at_work(struct vmi_session *session, const struct request *request)
{
    vmi_world_lock();
    if (!vmi_world.tables || vmi_world_bring_out(VMI_STOP_MS))
        return true;
    vmi_world_go();
    answer(session, request, -ETIMEDOUT, "the vCPUs do not come out of the guest");
    return false;
}

/* The ranges that a client has read from QEMU hold only if QEMU has changed nothing since it began to look. */
static int change_map(const struct vmi_range *ranges, uint32_t count)
{
    if (count == 0) {
        vmi_world.map_moves = 0;
        return 0;
    }
    if (vmi_world.map_moves != 0)
        return -ESTALE;
    return vmi_map_set(&vmi_world.map, ranges, count) ? 0 : -EINVAL;
}

static void set_memory(struct vmi_session *session, const struct request *request)
{
    if (request->size % sizeof(struct vmi_range) != 0) {
        answer(session, request, -EPROTO, "that is no list of ranges");
        return;
    }
    if (!stop_if_at_work(session, request))
        return;
    int error = change_map((const struct vmi_range *)request->payload, (uint32_t)(request->size / sizeof(struct vmi_range)));
    vmi_world_go();
    atomic_store(&vmi_world.is_map_told, 0);
    answer(session, request, error, error == -ESTALE ? "the map has changed meanwhile" : "the ranges are not whole pages in ascending order");
}

static void set_threads(struct vmi_session *session, const struct request *request)
{
    bool is_list = request->size % sizeof(struct vmi_thread) == 0;
    bool done = is_list && vmi_vcpus_name((const struct vmi_thread *)request->payload, request->size / sizeof(struct vmi_thread));
    answer(session, request, done ? 0 : is_list ? -EINVAL : -EPROTO, "that is no list of threads, or too long");
}

/* Whether a program needs a vCPU's system registers: it calls a helper that translates addresses, or reads one of them. */
static bool looks_around(const struct vmi_program_image *image)
{
    enum { CALL = 0x85, READ_VIRTUAL = 2, WRITE_VIRTUAL = 4, TRANSLATE = 5, READ_STRING = 6, FIRST_SYSTEM_REGISTER = 18 };
    const uint8_t *word = image->code;
    for (uint32_t i = 0; i < image->words; i++, word += 8) {
        int32_t helper;
        memcpy(&helper, word + 4, sizeof helper);
        if (word[0] == CALL && (helper == READ_VIRTUAL || helper == WRITE_VIRTUAL || helper == TRANSLATE || helper == READ_STRING))
            return true;
    }
    return image->registers >> FIRST_SYSTEM_REGISTER != 0;
}

static void load(struct vmi_session *session, const struct request *request)
{
    struct vmi_load said;
    char problem[PROBLEM];
    if (request->size < sizeof said || vmi_world.program_count == VMI_MAX_PROGRAMS) {
        answer(session, request, -EINVAL, "that is no program, or one too many");
        return;
    }
    memcpy(&said, request->payload, sizeof said);
    if (said.words > VMI_MAX_INSTRUCTIONS || request->size - sizeof said != said.words * 8ull) {
        answer(session, request, -EINVAL, "the program has not as many words as it says");
        return;
    }
    struct vmi_program_image image = {
        .code = request->payload + sizeof said, .words = said.words, .scratch_bytes = said.scratch_bytes, .budget = said.budget,
        .registers = said.registers, .schemas = said.schemas,
    };
    struct vmi_program *program = vmi_program_load(&image, problem, sizeof problem);
    if (program) {
        vmi_world.looks_around[vmi_world.program_count] = looks_around(&image);
        vmi_world.programs[vmi_world.program_count++] = program;
    }
    answer(session, request, program ? 0 : -EINVAL, problem);
}

static uint32_t programs_in_use(void)
{
    uint32_t used = 0;
    for (uint32_t i = 0; vmi_world.tables && i < vmi_world.tables->body_count; i++)
        if (vmi_world.tables->bodies[i].program >= used)
            used = vmi_world.tables->bodies[i].program + 1;
    return used;
}

static void unload(struct vmi_session *session, const struct request *request)
{
    struct vmi_number left = { 0 };
    if (request->size == sizeof left)
        memcpy(&left, request->payload, sizeof left);
    if (request->size != sizeof left || left.number < programs_in_use()) {
        answer(session, request, -EINVAL, "a program that is in use cannot be dropped");
        return;
    }
    if (!stop_if_at_work(session, request))
        return;
    free_programs(left.number);
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        if (vmi_vcpu_at(i)->prepared > left.number)
            vmi_vcpu_at(i)->prepared = left.number;
    vmi_world_go();
    answer(session, request, 0, "");
}

/* What vCPUs need to run the programs that are loaded. The world is stopped. */
static bool prepare_vcpus(void)
{
    vmi_world.needs_sregs = false;
    for (uint32_t i = 0; i < vmi_world.program_count; i++) {
        size_t bytes = (vmi_program_memory_bytes(vmi_world.programs[i]) + 63) & ~(size_t)63;
        vmi_world.memory_at[i + 1] = vmi_world.memory_at[i] + bytes;
        vmi_world.needs_sregs |= vmi_world.looks_around[i];
    }
    if (vmi_world.memory_at[vmi_world.program_count] > MAX_MEMORY)
        return false;
    vmi_world.laid_out = vmi_world.program_count;
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        if (!vmi_event_prepare(vmi_vcpu_at(i)))
            return false;
    return true;
}

static void select_bodies(const struct vmi_tables *tables)
{
    for (uint32_t i = 0; i < tables->probe_count; i++) {
        const struct vmi_probe *probe = &tables->probes[i];
        if (probe->body == VMI_KEEP)
            continue;
        atomic_store(&vmi_world.body[probe->id], probe->body);
        vmi_ring_counters(vmi_world.ring, probe->id)->body = probe->body;
    }
}

/* What speaks against these tables in this process, or NULL. */
static const char *problem_of(const struct vmi_tables *tables)
{
    bool debugs = tables->debug_count > 0 || tables->has_int3;
    if (!(vmi_world.abilities & VMI_CAN_RUN))
        return "this process has no KVM machine";
    if (!vmi_vcpus_can_be_kicked())
        return "nothing brings its vCPUs out of the guest: it is no QEMU";
    if (debugs && !(vmi_world.abilities & VMI_CAN_DEBUG))
        return "this KVM has no breakpoints for user space";
    if ((debugs || tables->has_steps) && vmi_world.is_debugged)
        return "a debugger's breakpoints are in the guest";
    if (tables->in_memory > 0 && vmi_world.map.count == 0)
        return "it is not known where the guest's memory lies";
    return NULL;
}

/* The world is stopped. */
static int exchange(const struct vmi_tables *tables, char *problem, size_t size)
{
    const char *why = problem_of(tables);
    if (why) {
        snprintf(problem, size, "%s", why);
        return -EINVAL;
    }
    if (!prepare_vcpus()) {
        snprintf(problem, size, "the programs need more memory than there is");
        return -ENOMEM;
    }
    int error = vmi_traps_become(tables, problem, size);
    if (!error)
        select_bodies(tables);
    vmi_call_forget();
    return error;
}

/* Takes the tables over, or frees them. */
static int become(struct vmi_tables *tables, char *problem, size_t size)
{
    struct vmi_tables *before = (struct vmi_tables *)(uintptr_t)vmi_world.tables;
    /* Nothing would come out of the guest where there is none. */
    if (!(vmi_world.abilities & VMI_CAN_RUN) || !vmi_vcpus_can_be_kicked() || !vmi_world_stop(VMI_STOP_MS)) {
        const char *why = problem_of(tables);
        snprintf(problem, size, "%s", why ? why : "the vCPUs do not come out of the guest");
        vmi_tables_free(tables);
        return why ? -EINVAL : -ETIMEDOUT;
    }
    int error = exchange(tables, problem, size);
    vmi_world_go();
    vmi_tables_free(error ? tables : before);
    return error;
}

static void apply(struct vmi_session *session, const struct request *request)
{
    char problem[PROBLEM] = "no memory";
    struct vmi_tables *tables = vmi_tables_make(request->payload, request->size, vmi_world.program_count, problem, sizeof problem);
    int error = tables ? become(tables, problem, sizeof problem) : -EINVAL;
    answer(session, request, error, problem);
}

/* Runs a probe for a request from outside, on a vCPU as it stands. */
static int run_on(struct vmi_vcpu *vcpu, const struct vmi_probe *probe)
{
    struct vmi_event event;
    if (atomic_load(&vcpu->waits))
        return -EBUSY;
    if (!vmi_registers_load(vcpu))
        return -EIO;
    vmi_event_begin(vcpu, &event);
    vcpu->patience = 0;   /* it is the client's reader that makes room, and everything waits for this */
    vmi_event_probe(vcpu, &event, probe);
    vmi_event_end(vcpu, &event);
    if (vcpu->wants_pause)
        vmi_call_pause(vcpu);
    return 0;
}

static void run(struct vmi_session *session, const struct request *request)
{
    struct vmi_run said = { VMI_KEEP, 0 };
    if (request->size == sizeof said)
        memcpy(&said, request->payload, sizeof said);
    struct vmi_vcpu *vcpu = vmi_vcpu_numbered(said.vcpu);
    const struct vmi_probe *probe = vmi_world.tables ? vmi_tables_probe(vmi_world.tables, said.probe) : NULL;
    if (!vcpu || !probe) {
        answer(session, request, -ENOENT, "there is no such vCPU or probe");
        return;
    }
    if (!vmi_world_stop(VMI_STOP_MS)) {
        answer(session, request, -ETIMEDOUT, "the vCPUs do not come out of the guest");
        return;
    }
    int error = run_on(vcpu, probe);
    vmi_world_go();
    vmi_session_tell(session);   /* what the program asked for comes before the answer */
    answer(session, request, error, error == -EBUSY ? "the vCPU is held for an answer" : "KVM does not give the vCPU's registers");
}

static void go_on(struct vmi_session *session, const struct request *request)
{
    struct vmi_continue said = { .vcpu = VMI_KEEP };
    if (request->size == sizeof said)
        memcpy(&said, request->payload, sizeof said);
    struct vmi_vcpu *vcpu = vmi_vcpu_numbered(said.vcpu);
    if (vcpu)
        vmi_call_answer(vcpu, said.number, said.answer);
    answer(session, request, vcpu ? 0 : -ENOENT, "there is no such vCPU");
}

static void say_goodbye(struct vmi_session *session, const struct request *request)
{
    bool done = end(session);
    answer(session, request, done ? 0 : -ETIMEDOUT, "the vCPUs do not come out of the guest");
}

static void serve(struct vmi_session *session, const struct request *request)
{
    if (request->head.type == VMI_HELLO) {
        hello(session, request);
        return;
    }
    if (!session->is_greeted || session->is_over) {
        answer(session, request, -EPROTO, "there is no session");
        session->is_gone |= !session->is_greeted;
        return;
    }
    switch (request->head.type) {
    case VMI_MEMORY: set_memory(session, request); break;
    case VMI_THREADS: set_threads(session, request); break;
    case VMI_LOAD: load(session, request); break;
    case VMI_UNLOAD: unload(session, request); break;
    case VMI_APPLY: apply(session, request); break;
    case VMI_RUN: run(session, request); break;
    case VMI_CONTINUE: go_on(session, request); break;
    case VMI_END: say_goodbye(session, request); break;
    default: answer(session, request, -ENOSYS, "there is no such request"); break;
    }
}

/* ---- receiving ---- */

static bool reserve(struct vmi_session *session, size_t capacity)
{
    if (capacity <= session->capacity)
        return true;
    uint8_t *grown = realloc(session->buffer, capacity);
    if (!grown)
        return false;
    session->buffer = grown;
    session->capacity = capacity;
    return true;
}

/* The size of the message that begins in the buffer, as far as it is known: at least a head's. 0 for one that cannot be. */
static size_t size_of_next(const struct vmi_session *session)
{
    struct vmi_message head;
    if (session->used < sizeof head)
        return sizeof head;
    memcpy(&head, session->buffer, sizeof head);
    return head.size < sizeof head || head.size > VMI_MAX_MESSAGE ? 0 : head.size;
}

static void serve_whole(struct vmi_session *session)
{
    size_t size;
    while (!session->is_gone && session->used >= (size = size_of_next(session))) {
        struct request request;
        if (size == 0) {
            session->is_gone = true;
            return;
        }
        memcpy(&request.head, session->buffer, sizeof request.head);
        request.payload = session->buffer + sizeof request.head;
        request.size = size - sizeof request.head;
        serve(session, &request);
        session->used -= size;
        memmove(session->buffer, session->buffer + size, session->used);
        if (session->used < sizeof(struct vmi_message))
            return;
    }
}

void vmi_session_receive(struct vmi_session *session)
{
    size_t next = size_of_next(session);
    if (next == 0 || !reserve(session, next > FIRST_CAPACITY ? next : FIRST_CAPACITY)) {
        session->is_gone = true;
        return;
    }
    ssize_t got = recv(session->client, session->buffer + session->used, session->capacity - session->used, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        session->is_gone = true;
    else if (got > 0)
        session->used += (size_t)got;
    serve_whole(session);
}

/* ---- notices ---- */

void vmi_session_tell(struct vmi_session *session)
{
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++) {
        struct vmi_vcpu *vcpu = vmi_vcpu_at(i);
        uint32_t told = atomic_exchange(&vcpu->told, 0);
        struct vmi_number number = { vcpu->number, 0 };
        if (told & VMI_TELL_PAUSE)
            notify(session, VMI_NOTICE_PAUSE, &vcpu->pause, sizeof vcpu->pause);
        if (told & VMI_TELL_CALL)
            notify(session, VMI_NOTICE_CALL, &vcpu->call, sizeof vcpu->call);
        if (told & VMI_TELL_RESET)
            notify(session, VMI_NOTICE_RESET, &number, sizeof number);
        if (told & VMI_TELL_HELD)
            notify(session, VMI_NOTICE_HELD, &number, sizeof number);
        if (told & VMI_TELL_PAGES)
            notify(session, VMI_NOTICE_PAGES, &number, sizeof number);
        if (told & VMI_TELL_VCPU)
            notify(session, VMI_NOTICE_VCPUS, NULL, 0);
    }
    if (vmi_world.map.is_stale && !session->is_over && !atomic_exchange(&vmi_world.is_map_told, 1))
        notify(session, VMI_NOTICE_MEMORY, NULL, 0);
}

void vmi_session_tell_still(struct vmi_session *session, uint32_t lasting)
{
    struct vmi_number number = { lasting, 0 };
    if (session->is_greeted && !session->is_over)
        notify(session, VMI_NOTICE_STILL, &number, sizeof number);
}
