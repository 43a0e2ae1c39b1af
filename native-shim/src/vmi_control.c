#define _GNU_SOURCE
#include "vmi_control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmi_session.h"
#include "vmi_system.h"
#include "vmi_traps.h"

/* A look costs the guest a part of a CPU that its vCPUs could have. */
enum { TICK_MS = 100, SEND_S = 2, NO_DESCRIPTOR_MS = 20 };

/* Since when no vCPU was seen to run. */
struct stillness { uint64_t since_ns; uint32_t looks, told; };

static pthread_t thread;
static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;
static bool is_started;
static _Atomic uint32_t is_to_end;
static bool has_ended;
static sem_t has_answered;   /* the thread, to is_to_end, by has_ended */

void vmi_control_wake(void)
{
    uint64_t one = 1;
    int signal = atomic_load(&vmi_world.signal);
    if (signal >= 0 && write(signal, &one, sizeof one) < 0)
        return;   /* it is full: the thread is awake */
}

void vmi_world_tell(struct vmi_vcpu *vcpu, uint32_t notice)
{
    atomic_fetch_or(&vcpu->told, notice);
    vmi_control_wake();
}

bool vmi_control_bring_out(void)
{
    if (vmi_world.ring)
        atomic_store(&vmi_world.ring->hurry, 1);
    bool done = vmi_world_bring_out(VMI_STOP_MS);
    if (vmi_world.ring)
        atomic_store(&vmi_world.ring->hurry, 0);
    return done;
}

void vmi_control_lift(void)
{
    if (!vmi_vcpus_are_out())
        return;
    vmi_world_lock();
    if (vmi_world.is_placed && vmi_control_bring_out())
        vmi_traps_lift();
    vmi_world_go();
}

/* "vmipl.shim.<pid>.<16 hex digits>" in the abstract space: nobody can take the name beforehand, and either end looks who the other is. */
static int listen_at(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        random = vmi_system_monotonic_ns();
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "vmipl.shim.%d.%016llx", getpid(), (unsigned long long)random);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 4) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool is_trusted(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static void accept_client(int listener, struct vmi_session *session)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        vmi_system_pause_us(NO_DESCRIPTOR_MS * 1000);   /* no descriptor is left: it waits there, and would be told of at once */
        return;
    }
    /* The next client may come before the last one's end was read. */
    if (vmi_session_is_left(session)) {
        session->is_gone = true;
        vmi_session_close_gone(session);
    }
    struct timeval limit = { .tv_sec = SEND_S };
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (!is_trusted(fd))
        close(fd);
    else if (session->client >= 0)
        vmi_session_refuse(fd);
    else
        vmi_session_open(session, fd);
}

/* Where no vCPU runs at two looks in a row the machine is paused, perhaps to be saved. The client hears of it a little later: it has nothing to hurry for. */
static void look_for_pause(struct stillness *still, struct vmi_session *session)
{
    static const uint32_t told_after_ms[] = { 2 * TICK_MS, 1000 };
    uint64_t now = vmi_system_monotonic_ns();
    if (!vmi_vcpus_are_out()) {
        *still = (struct stillness){ 0 };
        return;
    }
    if (still->looks++ == 0)
        still->since_ns = now;
    else if (vmi_world.is_placed)
        vmi_control_lift();
    if (still->told < 2 && now - still->since_ns >= told_after_ms[still->told] * 1000000ull)
        vmi_session_tell_still(session, still->told++);
}

static int timeout(const struct vmi_session *session)
{
    int due = vmi_session_due_ms(session);
    return due >= 0 ? due : session->client >= 0 ? TICK_MS : -1;
}

static void serve(int listener, struct vmi_session *session)
{
    struct stillness still = { 0 };
    while (!atomic_load(&is_to_end)) {
        struct pollfd ends[] = {
            { .fd = atomic_load(&vmi_world.signal), .events = POLLIN },
            { .fd = listener, .events = POLLIN },
            { .fd = session->is_gone ? -1 : session->client, .events = POLLIN },
        };
        int ready = poll(ends, 3, timeout(session));
        uint64_t count;
        if (ends[0].revents && read(ends[0].fd, &count, sizeof count) < 0)
            continue;
        if (ready == 0)
            look_for_pause(&still, session);
        else
            still.looks = 0;
        vmi_session_tell(session);
        if (ready > 0 && session->client >= 0 && ends[2].revents)
            vmi_session_receive(session);
        if (ready > 0 && ends[1].revents)
            accept_client(listener, session);
        vmi_session_close_gone(session);
    }
}

static void *run(void *argument)
{
    static struct vmi_session session;
    int listener = (int)(intptr_t)argument;
    pthread_setname_np(pthread_self(), "vmi-shim");
    vmi_session_init(&session);
    for (;;) {
        serve(listener, &session);
        atomic_store(&is_to_end, 0);
        if (vmi_session_close(&session))
            break;
        sem_post(&has_answered);
    }
    close(listener);
    has_ended = true;
    sem_post(&has_answered);
    return NULL;
}

static bool start(void)
{
    sigset_t all, before;
    /* Whoever has brought the library here finds it listening when its constructor is done. */
    int listener = listen_at();
    if (listener < 0)
        return false;
    has_ended = false;
    sem_init(&has_answered, 0, 0);
    atomic_store(&vmi_world.signal, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    /* QEMU's signals are QEMU's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool done = pthread_create(&thread, NULL, run, (void *)(intptr_t)listener) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!done)
        close(listener);
    return done;
}

bool vmi_control_start(void)
{
    pthread_mutex_lock(&starting);
    if (!is_started)
        is_started = start();
    bool done = is_started;
    pthread_mutex_unlock(&starting);
    return done;
}

bool vmi_control_is_started(void)
{
    pthread_mutex_lock(&starting);
    bool is = is_started;
    pthread_mutex_unlock(&starting);
    return is;
}

static bool end(void)
{
    atomic_store(&is_to_end, 1);
    vmi_control_wake();
    while (sem_wait(&has_answered) != 0)
        continue;
    if (!has_ended)
        return false;
    pthread_join(thread, NULL);
    close(atomic_exchange(&vmi_world.signal, -1));
    return true;
}

bool vmi_control_end(void)
{
    pthread_mutex_lock(&starting);
    if (is_started)
        is_started = !end();
    bool done = !is_started;
    pthread_mutex_unlock(&starting);
    return done;
}
