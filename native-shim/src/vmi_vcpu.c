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
static _Atomic(struct vmi_vcpu *) by_index[VMI_MAX_VCPUS];
static _Atomic uint32_t count;
static _Atomic uint32_t dismissed;
static pthread_mutex_t stopping = PTHREAD_MUTEX_INITIALIZER;   /* held by whoever stops the world, or changes who is in it */

uint32_t vmi_vcpu_count(void)
{
    return atomic_load_explicit(&count, memory_order_acquire);
}

struct vmi_vcpu *vmi_vcpu_at(uint32_t index)
{
    return index < vmi_vcpu_count() ? atomic_load_explicit(&by_index[index], memory_order_acquire) : NULL;
}

struct vmi_vcpu *vmi_vcpu_of(int fd)
{
    return fd >= 0 && fd < MAX_FD ? atomic_load_explicit(&by_fd[fd], memory_order_acquire) : NULL;
}

/* QEMU counts vCPUs in the order of their APIC ids (hw/i386/x86.c, possible_cpu_arch_ids). */
static void number_them(void)
{
    uint32_t known = vmi_vcpu_count();
    for (uint32_t i = 1; i < known; i++) {
        struct vmi_vcpu *moved = by_index[i];
        uint32_t at = i;
        for (; at > 0 && by_index[at - 1]->kvm_id > moved->kvm_id; at--)
            by_index[at] = by_index[at - 1];
        by_index[at] = moved;
    }
    for (uint32_t i = 0; i < known; i++)
        by_index[i]->index = i;
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
            by_index[known] = vcpu;
            atomic_store_explicit(&count, known + 1, memory_order_release);
            number_them();
            atomic_store_explicit(&by_fd[fd], vcpu, memory_order_release);
        }
    }
    pthread_mutex_unlock(&stopping);
    return vcpu;
}

void vmi_vcpus_unsee(void)
{
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        atomic_store(&vmi_vcpu_at(i)->seen, 0);
}

void vmi_vcpus_forget(void)
{
    pthread_mutex_lock(&stopping);
    for (uint32_t i = 0; i < count; i++) {
        struct vmi_vcpu *vcpu = by_index[i];
        by_fd[vcpu->fd] = NULL;
        munmap(vcpu->run, PAGE);
        free(vcpu->batch.bytes);
        free(vcpu->memory);
        free(vcpu);
    }
    count = 0;
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

static void kick(struct vmi_vcpu *vcpu)
{
    /* QEMU's own signal for that (SIG_IPI, include/sysemu/cpus.h): its handler makes KVM_RUN return. */
    int thread = atomic_load(&vcpu->thread);
    if (thread > 0)
        vmi_system_call(SYS_tgkill, getpid(), thread, SIGUSR1, 0, 0, 0);
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

/* Whether the thread of a vCPU that has not come through the hook sits in a system call other than KVM_RUN. */
static bool is_elsewhere(const struct vmi_vcpu *vcpu)
{
    if (atomic_load(&vcpu->thread) == VMI_NO_THREAD)
        return true;
    long number;
    unsigned long first, second;
    return read_call(atomic_load(&vcpu->thread), &number, &first, &second) && (number != SYS_ioctl || (uint32_t)second != (uint32_t)KVM_RUN);
}

static bool is_out(struct vmi_vcpu *vcpu)
{
    if (atomic_load(&vcpu->seen))
        return atomic_load(&vcpu->inside) == 0;
    return is_elsewhere(vcpu) && atomic_load(&vcpu->inside) == 0;
}

static bool bring_out(struct vmi_vcpu *vcpu, uint64_t until)
{
    uint64_t kicked = 0;
    while (!is_out(vcpu)) {
        uint64_t now = vmi_system_monotonic_ns();
        if (now > until)
            return false;
        if (now - kicked > KICK_NS) {
            kick(vcpu);
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
        if (atomic_load(&vmi_vcpu_at(i)->inside))
            kick(vmi_vcpu_at(i));
    for (uint32_t i = 0; i < vmi_vcpu_count(); i++)
        if (!bring_out(vmi_vcpu_at(i), until))
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
            kick(vcpu);
            vmi_system_pause_us(KICK_NS / 1000);
        }
    }
    return true;
}
