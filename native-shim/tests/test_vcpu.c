/* How the world is stopped, with threads that stand for vCPUs: their descriptors are memory files, whose first page is the run page. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmi_check.h"
#include "vmi_system.h"
#include "vmi_vcpu.h"

enum { VCPUS = 4, STOPPERS = 2, STOPS = 300, MANY = 6 };

static struct vmi_vcpu *vcpus[VCPUS];
static __thread struct vmi_vcpu *mine;
static _Atomic uint32_t is_over;
static uint64_t shared[2];              /* changed only while the world is stopped; always equal then, and whenever a vCPU looks */
static _Atomic uint64_t looks, torn, gone_back;

/* As QEMU's handler does it. */
static void on_kick(int signal_number)
{
    (void)signal_number;
    if (mine)
        mine->run->immediate_exit = 1;
}

static struct vmi_vcpu *make_vcpu(uint32_t id)
{
    int fd = memfd_create("vcpu", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 4096) != 0)
        abort();
    struct vmi_vcpu *vcpu = vmi_vcpu_add(fd, id);
    expect(vcpu && vmi_vcpu_of(fd) == vcpu && vmi_vcpu_add(fd, id) == vcpu, "a vCPU is not known by its descriptor");
    return vcpu;
}

static void they_are_numbered_by_apic_id(void)
{
    static const uint32_t ids[VCPUS] = { 5, 0, 9, 3 }, order[VCPUS] = { 2, 0, 3, 1 };
    expect(!vmi_vcpu_at(0) && !vmi_vcpu_of(-1) && !vmi_vcpu_of(1 << 20) && !vmi_vcpu_add(-1, 0) && !vmi_vcpu_add(1 << 20, 0), "there are vCPUs from the beginning");
    int pipe_ends[2];
    expect(pipe(pipe_ends) == 0 && !vmi_vcpu_add(pipe_ends[0], 0), "what has no run page is a vCPU");
    for (int i = 0; i < VCPUS; i++)
        vcpus[i] = make_vcpu(ids[i]);
    for (int i = 0; i < VCPUS; i++)
        expect(vcpus[i]->number == order[i] && vmi_vcpu_at(order[i]) == vcpus[i] && vmi_vcpu_numbered(order[i]) == vcpus[i], "vCPUs are not numbered by their APIC ids");
    expect(!vmi_vcpu_at(VCPUS), "there is one vCPU more");
}

static void be_seen(struct vmi_vcpu *vcpu)
{
    mine = vcpu;
    atomic_store(&vcpu->thread, vmi_system_thread());
    atomic_store(&vcpu->seen, 1);
}

/* Sits in the guest until it is kicked, or has something to do by itself. */
static void guest(uint64_t *seed)
{
    for (uint64_t until = next_random(seed) % 20000; until > 0 && !mine->run->immediate_exit; until--)
        __builtin_ia32_pause();
    mine->run->immediate_exit = 0;
}

static void *live(void *argument)
{
    be_seen(argument);
    uint64_t seed = mine->number;
    while (!atomic_load(&is_over)) {
        if (!vmi_vcpu_enter(mine, next_random(&seed) % 2)) {
            mine->run->immediate_exit = 0;
            gone_back++;
            continue;
        }
        uint64_t before = shared[0];
        guest(&seed);
        if (shared[0] != before || shared[1] != before)
            torn++;
        looks++;
        vmi_vcpu_leave(mine);
    }
    return NULL;
}

static void *stop_often(void *failures)
{
    for (int i = 0; i < STOPS; i++) {
        if (!vmi_world_stop(60000)) {
            ++*(_Atomic int *)failures;
            continue;
        }
        shared[0]++;
        sched_yield();
        shared[1]++;
        vmi_world_go();
    }
    return NULL;
}

static void nobody_is_inside_a_stopped_world(void)
{
    pthread_t threads[VCPUS], stoppers[STOPPERS];
    _Atomic int failures = 0;
    is_over = 0;
    for (int i = 0; i < VCPUS; i++)
        pthread_create(&threads[i], NULL, live, vcpus[i]);
    for (int i = 0; i < STOPPERS; i++)
        pthread_create(&stoppers[i], NULL, stop_often, &failures);
    for (int i = 0; i < STOPPERS; i++)
        pthread_join(stoppers[i], NULL);
    atomic_store(&is_over, 1);
    for (int i = 0; i < VCPUS; i++)
        pthread_join(threads[i], NULL);
    expect_equal(0, failures, "the world is not stopped within a minute");
    expect_equal(0, torn, "somebody was inside a stopped world");
    expect_equal(STOPPERS * STOPS, shared[0], "two have stopped the world at once");
    expect(looks > 0, "no vCPU has run");
}

static sem_t is_inside, may_leave;

static void *stay(void *argument)
{
    be_seen(argument);
    vmi_vcpu_enter(mine, false);
    sem_post(&is_inside);
    while (sem_wait(&may_leave) != 0)
        continue;                        /* kicks */
    vmi_vcpu_leave(mine);
    return NULL;
}

static void one_that_does_not_come_out_is_left_in_peace(void)
{
    pthread_t thread;
    sem_init(&is_inside, 0, 0);
    sem_init(&may_leave, 0, 0);
    pthread_create(&thread, NULL, stay, vcpus[0]);
    while (sem_wait(&is_inside) != 0)
        continue;
    expect(!vmi_vcpus_are_out(), "one is inside, and all are out");
    expect(!vmi_world_stop(20), "the world is stopped while one is inside");
    expect(vmi_vcpu_enter(vcpus[1], true), "a stop that failed still holds the others");
    vmi_vcpu_leave(vcpus[1]);
    sem_post(&may_leave);
    pthread_join(thread, NULL);
    expect(vmi_world_stop(60000), "the world is not stopped though all are out");
    vmi_world_go();
}

static sem_t has_begun;
static _Atomic int back;

static void *come_and_give_way(void *argument)
{
    be_seen(argument);
    sem_post(&has_begun);
    while (vmi_vcpu_enter(mine, true))
        vmi_vcpu_leave(mine);
    back++;
    return NULL;
}

/* QEMU wants a thread that waits for the world: it goes back. */
static void one_that_waits_gives_way(void)
{
    pthread_t thread;
    sem_init(&has_begun, 0, 0);
    expect(vmi_world_stop(60000), "the world is not stopped");
    vcpus[2]->run->immediate_exit = 0;
    pthread_create(&thread, NULL, come_and_give_way, vcpus[2]);
    while (sem_wait(&has_begun) != 0)
        continue;
    pthread_kill(thread, SIGUSR1);
    pthread_join(thread, NULL);
    expect_equal(1, (uint64_t)back, "a thread that QEMU wants stays");
    expect_equal(0, vcpus[2]->inside, "a thread that went back is inside");
    vmi_world_go();
    vcpus[2]->run->immediate_exit = 0;
}

static int block_pipe[2];
static _Atomic int spins;

static void *sit_in_read(void *argument)
{
    char byte;
    atomic_store((_Atomic int *)argument, vmi_system_thread());
    sem_post(&has_begun);
    while (read(block_pipe[0], &byte, 1) < 0)
        continue;
    while (atomic_load(&spins))
        __builtin_ia32_pause();
    return NULL;
}

static void name(int thread, uint32_t number)
{
    const struct vmi_thread threads[] = { { number, (uint32_t)thread } };
    expect(vmi_vcpus_name(threads, 1), "a thread is not taken");
}

/* A thread that never came through the hook is out while it sits in some other system call, and nowhere else. */
static void one_that_was_never_seen_is_looked_at(void)
{
    pthread_t thread;
    _Atomic int id;
    struct vmi_vcpu *vcpu = make_vcpu(20);
    sem_init(&has_begun, 0, 0);
    expect(!vmi_world_stop(20), "a thread that nobody knows is out");
    spins = 1;
    expect(pipe(block_pipe) == 0, "no pipe");
    pthread_create(&thread, NULL, sit_in_read, &id);
    while (sem_wait(&has_begun) != 0)
        continue;
    name(id, 4);
    expect(vmi_world_stop(60000), "a thread that sits in a system call is not out");
    vmi_world_go();
    expect(write(block_pipe[1], "x", 1) == 1, "no pipe");
    /* It spins from now on, soon. */
    bool is_in = false;
    for (int i = 0; i < 1000 && !is_in; i++) {
        is_in = !vmi_world_stop(5);
        if (!is_in)
            vmi_world_go();
    }
    expect(is_in, "a thread that runs is out");
    atomic_store(&spins, 0);
    pthread_join(thread, NULL);
    atomic_store(&vcpu->seen, 1);
    expect(vmi_world_stop(60000), "one that was seen and has left is not out");
    vmi_world_go();
    vmi_vcpus_unsee();
    expect(!vmi_world_stop(20), "one that was seen before the hook was put in anew is out");
    name(id, 4);
    expect(vmi_world_stop(60000), "one whose thread has ended is not out");
    vmi_world_go();
}

/* A vCPU that was unplugged is nobody's, and those behind it keep their numbers; one that is plugged in again has another thread. */
static void threads_tell_numbers(void)
{
    vmi_vcpus_unsee();
    name(vmi_system_thread(), 7);
    expect(vcpus[3]->number == 1, "a vCPU has the number of a thread that has not come yet");
    vmi_vcpu_come(vcpus[3]);
    expect(vcpus[3]->number == 7 && vmi_vcpu_numbered(7) == vcpus[3], "a vCPU has not the number of its thread");
    expect(vmi_world_stop(60000), "those that no thread runs are not out");
    vmi_world_go();
    struct vmi_vcpu *new = make_vcpu(4);
    expect(new->number == 8, "a new one has the number of another");
    vmi_vcpu_expect(new);
    vmi_vcpu_come(new);
    expect(new->thread == vmi_system_thread() && new->number == 7, "a new one has not the number of its thread");
    vmi_vcpu_expect(new);
    expect(new->thread == 0 && new->seen, "one that was plugged in again has its old thread");
    static struct vmi_thread many[VMI_MAX_VCPUS + 1];
    expect(!vmi_vcpus_name(many, VMI_MAX_VCPUS + 1), "there are more threads than vCPUs");
}

static void who_is_dismissed_goes_back(void)
{
    pthread_t threads[MANY];
    back = 0;
    expect(vmi_world_stop(60000), "the world is not stopped");
    sem_init(&has_begun, 0, 0);
    for (int i = 0; i < MANY; i++)
        pthread_create(&threads[i], NULL, come_and_give_way, vcpus[i % VCPUS]);
    for (int i = 0; i < MANY; i++)
        while (sem_wait(&has_begun) != 0)
            continue;
    expect(vmi_world_dismiss(60000), "nobody is in the hook, and somebody has not left it");
    for (int i = 0; i < MANY; i++)
        pthread_join(threads[i], NULL);
    expect_equal(MANY, (uint64_t)back, "a thread that was dismissed stays");
    vmi_world_go();
}

int main(void)
{
    expect(!vmi_vcpus_can_be_kicked(), "vCPUs can be kicked without a handler");
    signal(SIGUSR1, SIG_IGN);
    expect(!vmi_vcpus_can_be_kicked(), "vCPUs can be kicked where the signal is ignored");
    struct sigaction action = { .sa_handler = on_kick };
    sigaction(SIGUSR1, &action, NULL);
    expect(vmi_vcpus_can_be_kicked(), "vCPUs cannot be kicked though there is a handler");
    they_are_numbered_by_apic_id();
    nobody_is_inside_a_stopped_world();
    one_that_does_not_come_out_is_left_in_peace();
    one_that_waits_gives_way();
    one_that_was_never_seen_is_looked_at();
    threads_tell_numbers();
    who_is_dismissed_goes_back();
    return conclude();
}
