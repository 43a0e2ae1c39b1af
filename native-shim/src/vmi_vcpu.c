#define _GNU_SOURCE
#include "vmi_vcpu.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmi_system.h"

enum { MAX_FD = 65536, PAGE = 4096, WAIT_MS = 20, LOOK_US = 20, KICK_NS = 2000000 };

_Static_assert(sizeof(struct kvm_run) <= PAGE, "the run page is one page");

static _Atomic uint32_t hold;              /* the world is stopped; a futex */
static _Atomic(struct vmi_vcpu *) by_fd[MAX_FD];
static _Atomic(struct vmi_vcpu *) by_place[VMI_MAX_VCPUS];
static _Atomic uint32_t count;
static _Atomic uint32_t dismissed;
static pthread_mutex_t stopping = PTHREAD_MUTEX_INITIALIZER;   /* held by whoever stops the world, or changes who is in it */

/* What QEMU says of its threads. Its lock is never held for long: a vCPU that comes by waits for it. */
static pthread_mutex_t naming = PTHREAD_MUTEX_INITIALIZER;
static struct vmi_thread named[VMI_MAX_VCPUS];
static uint32_t named_count;

uint32_t vmi_vcpu_count(void)
{
    return atomic_load_explicit(&count, memory_order_acquire);
}

struct vmi_vcpu *vmi_vcpu_at(uint32_t place)
{
    return place < vmi_vcpu_count() ? atomic_load_explicit(&by_place[place], memory_order_acquire) : NULL;
}

struct vmi_vcpu *vmi_vcpu_numbered(uint32_t number)
{
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        if (vmi_vcpu_at(i)->number == number)
            return vmi_vcpu_at(i);
    return NULL;
}

struct vmi_vcpu *vmi_vcpu_of(int fd)
{
    return fd >= 0 && fd < MAX_FD ? atomic_load_explicit(&by_fd[fd], memory_order_acquire) : NULL;
}

/* QEMU counts the vCPUs that there may be in the order of their APIC ids (hw/i386/x86.c, possible_cpu_arch_ids): one that is not named comes behind the one before it. */
static void number_them(void)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++) {
        struct vmi_vcpu *vcpu = by_place[i];
        if (!vcpu->is_named)
            vcpu->number = next;
        next = vcpu->number + 1;
    }
}

static void insert(struct vmi_vcpu *vcpu)
{
    uint32_t at = vmi_vcpu_count();
    for (; at > 0 && by_place[at - 1]->kvm_id > vcpu->kvm_id; at--)
        by_place[at] = by_place[at - 1];
    by_place[at] = vcpu;
    atomic_store_explicit(&count, count + 1, memory_order_release);
}

/* The number that its thread has. */
static void take_number(struct vmi_vcpu *vcpu)
{
    for (uint32_t i = 0; i < named_count; i++) {
        if ((int)named[i].thread == vcpu->thread) {
            vcpu->number = named[i].vcpu;
            vcpu->is_named = true;
        }
    }
}

void vmi_vcpu_come(struct vmi_vcpu *vcpu)
{
    pthread_mutex_lock(&naming);
    vcpu->thread = vmi_system_thread();
    take_number(vcpu);
    vcpu->seen = 1;
    pthread_mutex_unlock(&naming);
}

void vmi_vcpu_expect(struct vmi_vcpu *vcpu)
{
    atomic_store(&vcpu->thread, 0);
    atomic_store(&vcpu->seen, 1);   /* whatever thread will run it comes through the hook */
}

bool vmi_vcpus_name(const struct vmi_thread *threads, size_t size)
{
    if (size > VMI_MAX_VCPUS)
        return false;
    pthread_mutex_lock(&stopping);
    pthread_mutex_lock(&naming);
    memcpy(named, threads, size * sizeof *threads);
    named_count = (uint32_t)size;
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        if (by_place[i]->seen)
            take_number(by_place[i]);
    number_them();
    pthread_mutex_unlock(&naming);
    pthread_mutex_unlock(&stopping);
    return true;
}

struct vmi_vcpu *vmi_vcpu_add(int fd, uint32_t kvm_id)
{
    if (fd < 0 || fd >= MAX_FD)
        return NULL;
    pthread_mutex_lock(&stopping);
    struct vmi_vcpu *vcpu = by_fd[fd];
    uint32_t known = count;
    if (!vcpu && known < VMI_MAX_VCPUS && (vcpu = calloc(1, sizeof *vcpu))) {
        void *run = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (run == MAP_FAILED) {
            free(vcpu);
            vcpu = NULL;
        } else {
            *vcpu = (struct vmi_vcpu){ .fd = fd, .kvm_id = kvm_id, .run = run };
            pthread_mutex_lock(&naming);
            insert(vcpu);
            number_them();
            pthread_mutex_unlock(&naming);
            atomic_store_explicit(&by_fd[fd], vcpu, memory_order_release);
        }
    }
    pthread_mutex_unlock(&stopping);
    return vcpu;
}

void vmi_vcpus_unsee(void)
{
    pthread_mutex_lock(&stopping);
    pthread_mutex_lock(&naming);
    named_count = 0;
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++) {
        by_place[i]->seen = 0;
        by_place[i]->is_named = false;
    }
    pthread_mutex_unlock(&naming);
    pthread_mutex_unlock(&stopping);
}

void vmi_vcpus_forget(void)
{
    pthread_mutex_lock(&stopping);
    for (uint32_t i = 0; i < count; i++) {
        struct vmi_vcpu *vcpu = by_place[i];
        by_fd[vcpu->fd] = NULL;
        munmap(vcpu->run, PAGE);
        free(vcpu->batch.bytes);
        free(vcpu->memory);
        free(vcpu);
    }
    count = named_count = 0;
    atomic_store(&dismissed, 0);
    pthread_mutex_unlock(&stopping);
}

void vmi_vcpu_leave(struct vmi_vcpu *vcpu)
{
    atomic_store_explicit(&vcpu->inside, 0, memory_order_release);
}

bool vmi_vcpu_enter(struct vmi_vcpu *vcpu, bool give_way)
{
    for (;;) {
        /* Sequentially consistent, as are the other side's store to `hold` and its loads of `inside`: one of the two sees the other. */
        atomic_store(&vcpu->inside, 1);
        if (atomic_load(&hold) == 0)
            return true;
        atomic_store(&vcpu->inside, 0);
        if (give_way && (atomic_load(&dismissed) || vcpu->run->immediate_exit))
            return false;
        if (vmi_system_wait(&hold, 1, WAIT_MS) == -EINTR && give_way)
            return false;
    }
}

bool vmi_vcpus_are_out(void)
{
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        if (atomic_load(&vmi_vcpu_at(i)->inside))
            return false;
    return true;
}

bool vmi_vcpus_can_be_kicked(void)
{
    struct sigaction action;
    return sigaction(SIGUSR1, NULL, &action) == 0
        && ((action.sa_flags & SA_SIGINFO) || (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN));
}

/* False where there is no such thread. */
static bool kick(int thread)
{
    /* QEMU's own signal for that (SIG_IPI, include/sysemu/cpus.h): its handler makes KVM_RUN return. */
    return thread > 0 && vmi_system_call(SYS_tgkill, getpid(), thread, SIGUSR1, 0, 0, 0) != -ESRCH;
}

/* A system call as /proc shows it: its number and its first two arguments; "running" for a thread that runs, in the guest or anywhere. */
static bool read_call(int thread, long *number, unsigned long *first, unsigned long *second)
{
    char path[64], text[128];
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", thread);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return sscanf(text, "%ld %lx %lx", number, first, second) == 3 && *number >= 0;
}

/* Whether a thread sits in a system call other than KVM_RUN. */
static bool is_elsewhere(int thread)
{
    long number;
    unsigned long first, second;
    return read_call(thread, &number, &first, &second) && (number != SYS_ioctl || (uint32_t)second != (uint32_t)KVM_RUN);
}

static bool is_inside(const struct vmi_vcpu *vcpu)
{
    return atomic_load(&vcpu->inside) != 0;
}

/* Whether it is known by itself where a thread is: it has come through the hook. */
static bool has_come(int thread)
{
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        if (atomic_load(&by_place[i]->seen) && atomic_load(&by_place[i]->thread) == thread)
            return true;
    return false;
}

static bool have_all_come(void)
{
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        if (!atomic_load(&by_place[i]->seen))
            return false;
    return true;
}

/* Kicks a vCPU until it is outside; without one, a thread until it is known where that is. False when the time is up. */
static bool bring_out(struct vmi_vcpu *vcpu, int thread, uint64_t until)
{
    uint64_t kicked = 0;
    while (vcpu ? is_inside(vcpu) : !has_come(thread) && !is_elsewhere(thread)) {
        uint64_t now = vmi_system_monotonic_ns();
        if (now > until)
            return false;
        if (now - kicked > KICK_NS) {
            if (!kick(vcpu ? vcpu->thread : thread) && !vcpu)
                return true;   /* the thread has ended */
            kicked = now;
        }
        vmi_system_pause_us(LOOK_US);
    }
    return true;
}

void vmi_world_lock(void)
{
    pthread_mutex_lock(&stopping);
}

bool vmi_world_bring_out(int ms)
{
    atomic_store(&hold, 1);
    uint64_t until = vmi_system_monotonic_ns() + (uint64_t)ms * 1000000u;
    /* All are kicked before any is waited for. */
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        if (is_inside(by_place[i]))
            kick(by_place[i]->thread);
    while (named_count == 0 && !have_all_come()) {
        if (vmi_system_monotonic_ns() > until)
            return false;
        vmi_system_pause_us(LOOK_US);
    }
    for (uint32_t i = 0; i < named_count; i++)
        if (!bring_out(NULL, (int)named[i].thread, until))
            return false;
    /* Threads first: one that comes through the hook meanwhile is looked at as a vCPU. */
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        if (!bring_out(by_place[i], 0, until))
            return false;
    return true;
}

bool vmi_world_stop(int ms)
{
    vmi_world_lock();
    if (vmi_world_bring_out(ms))
        return true;
    vmi_world_go();
    return false;
}

void vmi_world_go(void)
{
    if (atomic_exchange(&hold, 0) != 0)
        vmi_system_wake(&hold);
    pthread_mutex_unlock(&stopping);
}

bool vmi_world_dismiss(int ms)
{
    uint64_t until = vmi_system_monotonic_ns() + (uint64_t)ms * 1000000u;
    atomic_store(&dismissed, 1);
    vmi_system_wake(&hold);
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++) {
        for (struct vmi_vcpu *vcpu = vmi_vcpu_at(i); atomic_load(&vcpu->in_hook);) {
            if (vmi_system_monotonic_ns() > until)
                return false;
            kick(vcpu->thread);
            vmi_system_pause_us(KICK_NS / 1000);
        }
    }
    return true;
}
