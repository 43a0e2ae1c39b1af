#define _GNU_SOURCE
#include "mini_machine.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct mini_machine mini;
static __thread struct mini_vcpu *mine;
static int (*libc_ioctl)(int fd, unsigned long request, ...);

void mini_die(const char *what)
{
    printf("FAILED %s: %s\n", what, strerror(errno));
    exit(2);
}

uint64_t mini_address(const uint8_t *label)
{
    return MINI_CODE_AT + (uint64_t)(label - mini_code);
}

_Atomic uint64_t *mini_word(uint64_t page, uint32_t word)
{
    return (_Atomic uint64_t *)(void *)(mini.ram + page) + word;
}

uint64_t mini_page(uint32_t vcpu)
{
    return MINI_DATA_AT + vcpu * 0x1000ull;
}

static void put(uint64_t at, uint64_t value)
{
    memcpy(mini.ram + at, &value, sizeof value);
}

static void put_gate(int vector, const uint8_t *handler)
{
    uint64_t address = mini_address(handler);
    put(0x6000 + (uint64_t)vector * 16, (address & 0xffff) | 0x08 << 16 | 0x8e00ull << 32 | (address & 0xffff0000) << 32);
    put(0x6000 + (uint64_t)vector * 16 + 8, address >> 32);
}

/* 8 MiB in pages of 2 MiB, but for those from 4 MiB on, which are of 4 KiB, with one missing. */
static void fill_memory(void)
{
    put(0x1000, 0x2003);
    put(0x2000, 0x3003);
    for (uint64_t i = 0; i < 4; i++)
        put(0x3000 + i * 8, i << 21 | 0x83);
    put(0x3000 + 2 * 8, 0x4003);
    for (uint64_t i = 0; i < 512; i++)
        put(0x4000 + i * 8, (0x400000 + i * 0x1000) | 3);
    put(MINI_ABSENT_ENTRY_AT, MINI_ABSENT_AT | 2);
    put(MINI_ABSENT_AT + 8, 0x77);
    put(0x5008, 0x00af9b000000ffff);
    put(0x5010, 0x00cf93000000ffff);
    put_gate(1, mini_on_debug);
    put_gate(2, mini_on_nmi);
    put_gate(3, mini_on_int3);
    put_gate(14, mini_on_fault);
    memset(mini.ram + MINI_CODE_AT, 0xcc, 0x80000);
    memcpy(mini.ram + MINI_CODE_AT, mini_code, (size_t)(mini_code_end - mini_code));
}

static void set_slot(uint32_t slot, uint32_t flags, uint64_t at, uint64_t bytes)
{
    struct kvm_userspace_memory_region region = { slot, flags, at, bytes, (uint64_t)(uintptr_t)mini.ram + at };
    if (ioctl(mini.vm, KVM_SET_USER_MEMORY_REGION, &region) != 0)
        mini_die("a memory slot");
}

void mini_set_memory(uint32_t flags)
{
    set_slot(0, flags, 0, MINI_RAM_BYTES);
}

bool mini_is_dirty(uint64_t physical)
{
    static uint64_t bits[MINI_RAM_BYTES / 4096 / 64];
    struct kvm_dirty_log log = { .dirty_bitmap = bits };
    if (ioctl(mini.vm, KVM_GET_DIRTY_LOG, &log) != 0)
        mini_die("the log");
    return bits[physical / 4096 / 64] >> physical / 4096 % 64 & 1;
}

static void on_kick(int signal_number)
{
    (void)signal_number;
    if (mine)
        mine->run->immediate_exit = 1;
}

static void enter_long_mode(const struct mini_vcpu *vcpu)
{
    struct kvm_sregs sregs;
    struct kvm_segment code = { .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1 };
    struct kvm_segment data = { .limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1 };
    if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) != 0)
        mini_die("the system registers");
    sregs.cs = code;
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
    sregs.gdt = (struct kvm_dtable){ .base = 0x5000, .limit = 23 };
    sregs.idt = (struct kvm_dtable){ .base = 0x6000, .limit = 0xfff };
    sregs.cr0 = 0x80000011;
    sregs.cr3 = 0x1000;
    sregs.cr4 = 0x20;
    sregs.efer = 0x500;
    if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) != 0)
        mini_die("the system registers");
}

/* As QEMU does with a debug exit that is not its own: the guest gets the exception (target/i386/kvm/kvm.c, kvm_handle_debug). */
static void hand_back(struct mini_vcpu *vcpu)
{
    struct kvm_vcpu_events events;
    vcpu->debug_exits++;
    vcpu->last_debug = vcpu->run->debug.arch;
    if (ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events) != 0)
        mini_die("the vCPU's events");
    events.exception.injected = 1;
    events.exception.nr = (uint8_t)vcpu->run->debug.arch.exception;
    events.exception.has_error_code = 0;
    if (ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events) != 0)
        mini_die("the vCPU's events");
}

static _Atomic bool is_given_up;

static void tell_where(const struct mini_vcpu *vcpu)
{
    struct kvm_regs regs;
    if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) == 0)
        printf("  vCPU %u stands at 0x%llx, flags 0x%llx, RSP 0x%llx, R14 0x%llx, R15 %llu; %llu debug exits, the last at 0x%llx with DR6 0x%llx\n",
            vcpu->index, regs.rip, regs.rflags, regs.rsp, regs.r14, regs.r15, (unsigned long long)vcpu->debug_exits, vcpu->last_debug.pc, vcpu->last_debug.dr6);
}

static void after_kick(struct mini_vcpu *vcpu)
{
    vcpu->run->immediate_exit = 0;
    if (is_given_up)
        tell_where(vcpu);
    if (atomic_exchange(&vcpu->wants_nmi, false) && ioctl(vcpu->fd, KVM_NMI) != 0)
        mini_die("an NMI");
    while (vcpu->is_to_stay_out) {
        vcpu->stays_out = true;
        usleep(100);
    }
    vcpu->stays_out = false;
}

static void run_until_halted(void)
{
    for (;;) {
        int result = mini.is_without_shim ? libc_ioctl(mine->fd, KVM_RUN, 0) : ioctl(mine->fd, KVM_RUN, 0);
        if (result != 0 && errno == EINTR)
            after_kick(mine);
        else if (result != 0)
            mini_die("KVM_RUN");
        else if (mine->run->exit_reason == KVM_EXIT_HLT)
            break;
        else if (mine->run->exit_reason == KVM_EXIT_DEBUG)
            hand_back(mine);
        else if (mine->run->exit_reason == KVM_EXIT_IO)
            mine->port_exits++;
        else {
            struct kvm_regs regs;
            ioctl(mine->fd, KVM_GET_REGS, &regs);
            printf("FAILED exit %u at 0x%llx\n", mine->run->exit_reason, regs.rip);
            exit(2);
        }
    }
}

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* In the KVM lab, on the last of its CPUs: see "The KVM lab" in tests/guests/README.md. */
static void stay_on_one_cpu(void)
{
    cpu_set_t all, one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof all, &all) != 0)
        mini_die("the CPUs");
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && CPU_COUNT(&one) == 0; cpu--)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        mini_die("a CPU");
}

static void *run_vcpu(void *argument)
{
    mine = argument;
    if (getenv("VMIPL_LAB") != NULL)
        stay_on_one_cpu();
    mine->thread_id = gettid();
    sem_post(&mine->has_ended);
    for (;;) {
        if (sem_wait(&mine->may_run) != 0)
            continue;                    /* a kick */
        double start = now_ns();
        run_until_halted();
        mine->ns = now_ns() - start;
        mine->is_done = true;
        sem_post(&mine->has_ended);
    }
    return NULL;
}

static void make_vcpu(struct mini_vcpu *vcpu, uint32_t index, int run_bytes)
{
    vcpu->index = index;
    vcpu->fd = ioctl(mini.vm, KVM_CREATE_VCPU, index);
    vcpu->run = mmap(NULL, (size_t)run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
    if (vcpu->fd < 0 || vcpu->run == MAP_FAILED)
        mini_die("a vCPU");
    sem_init(&vcpu->may_run, 0, 0);
    sem_init(&vcpu->has_ended, 0, 0);
    if (pthread_create(&vcpu->thread, NULL, run_vcpu, vcpu) != 0)
        mini_die("a thread");
    while (sem_wait(&vcpu->has_ended) != 0)
        continue;
}

void mini_make(uint32_t vcpus)
{
    struct sigaction action = { .sa_handler = on_kick };
    sigaction(SIGUSR1, &action, NULL);
    libc_ioctl = (int (*)(int, unsigned long, ...))dlsym(RTLD_DEFAULT, "ioctl");
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    mini.vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
    if (mini.vm < 0)
        mini_die("/dev/kvm");
    mini.ram = mmap(NULL, MINI_RAM_BYTES + MINI_MORE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fill_memory();
    mini_set_memory(0);
    set_slot(1, 0, MINI_RAM_BYTES, MINI_MORE_BYTES);
    mini.count = vcpus;
    for (uint32_t i = 0; i < vcpus; i++)
        make_vcpu(&mini.vcpus[i], i, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
    close(kvm);
}

void mini_set_up(struct mini_vcpu *vcpu, const uint8_t *work, uint64_t rounds)
{
    struct kvm_regs regs = {
        .rip = mini_address(work), .rflags = 2, .rsp = MINI_STACKS_AT + (vcpu->index + 1) * 0x4000, .rdi = mini_page(vcpu->index), .rsi = rounds,
    };
    memset(mini.ram + mini_page(vcpu->index), 0, 4096);
    enter_long_mode(vcpu);
    if (ioctl(vcpu->fd, KVM_SET_REGS, &regs) != 0)
        mini_die("the registers");
    vcpu->is_done = false;
    vcpu->debug_exits = vcpu->port_exits = 0;
}

void mini_start(const uint8_t *work, uint64_t rounds)
{
    for (uint32_t i = 0; i < mini.count; i++)
        mini_set_up(&mini.vcpus[i], work, rounds);
    for (uint32_t i = 0; i < mini.count; i++)
        sem_post(&mini.vcpus[i].may_run);
}

void mini_stop(void)
{
    for (uint32_t i = 0; i < mini.count; i++)
        *mini_word(mini_page(i), MINI_STOP) = 1;
}

uint64_t mini_join(void)
{
    uint64_t errors = 0;
    for (uint32_t i = 0; i < mini.count; i++) {
        struct kvm_regs regs;
        while (sem_wait(&mini.vcpus[i].has_ended) != 0)
            continue;
        if (ioctl(mini.vcpus[i].fd, KVM_GET_REGS, &regs) != 0)
            mini_die("the registers");
        errors += regs.r15;
    }
    return errors;
}

void mini_kick(struct mini_vcpu *vcpu)
{
    pthread_kill(vcpu->thread, SIGUSR1);
}

void mini_give_up(void)
{
    printf("FAILED the time is up\n");
    is_given_up = true;
    for (int i = 0; i < 3; i++) {
        for (uint32_t v = 0; v < mini.count; v++)
            mini_kick(&mini.vcpus[v]);
        usleep(200000);
    }
    exit(2);
}
