/* A target that notices everything: it waits in a system call with known values in all registers, the flags and the red zone, and ends
   when any of them, or the call's result, is not what it has to be. Another thread keeps the allocator busy.

       pollloop poll|ppoll|masked|epoll_wait|select|clock_nanosleep|pause [MICROSECONDS]

   masked is ppoll again, which alone lets a signal in: each one that is handled must end it, as a program may rely on that. With it and
   with pause a signal comes every millisecond, or as often as is said.

   It prints "ready"; then it answers each byte on its standard input with a line that tells how many rounds it has made. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

struct registers {
    uint64_t general[15];       /* rax, rbx, rbp, rdi, rsi, rdx, r10, r8, r9, r12 to r15; rcx and r11 belong to the kernel */
    uint64_t flags;
    uint64_t red_zone[16];
    char vectors[16][32];
};

/* Loads everything from `before`, makes the call, and stores everything to `after`. */
void checked_syscall(const struct registers *before, struct registers *after);
int has_avx;
__asm__(
    ".text\n.globl checked_syscall\nchecked_syscall:\n"
    "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n  push %rsi\n"
    "  mov %rdi, %rcx\n"
    "  cmpl $0, has_avx(%rip)\n  je 1f\n"
    "  .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n  vmovdqu 256+32*\\n(%rcx), %ymm\\n\n  .endr\n  jmp 2f\n"
    "1: .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n  movdqu 256+32*\\n(%rcx), %xmm\\n\n  .endr\n"
    "2: .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n  mov 128+8*\\n(%rcx), %rax\n  mov %rax, -128+8*\\n(%rsp)\n  .endr\n"
    "  pushq 120(%rcx)\n  popfq\n"   /* overwrites the red zone's last word */
    "  mov 248(%rcx), %rax\n  mov %rax, -8(%rsp)\n"
    "  mov 0(%rcx), %rax\n  mov 8(%rcx), %rbx\n  mov 16(%rcx), %rbp\n  mov 24(%rcx), %rdi\n  mov 32(%rcx), %rsi\n  mov 40(%rcx), %rdx\n"
    "  mov 48(%rcx), %r10\n  mov 56(%rcx), %r8\n  mov 64(%rcx), %r9\n  mov 72(%rcx), %r12\n  mov 80(%rcx), %r13\n  mov 88(%rcx), %r14\n  mov 96(%rcx), %r15\n"
    "  syscall\n"
    "  mov (%rsp), %rcx\n"
    "  mov %rax, 0(%rcx)\n  mov %rbx, 8(%rcx)\n  mov %rbp, 16(%rcx)\n  mov %rdi, 24(%rcx)\n  mov %rsi, 32(%rcx)\n  mov %rdx, 40(%rcx)\n"
    "  mov %r10, 48(%rcx)\n  mov %r8, 56(%rcx)\n  mov %r9, 64(%rcx)\n  mov %r12, 72(%rcx)\n  mov %r13, 80(%rcx)\n  mov %r14, 88(%rcx)\n  mov %r15, 96(%rcx)\n"
    "  .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n  mov -128+8*\\n(%rsp), %rax\n  mov %rax, 128+8*\\n(%rcx)\n  .endr\n"
    "  pushfq\n  popq 120(%rcx)\n"
    "  cmpl $0, has_avx(%rip)\n  je 3f\n"
    "  .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n  vmovdqu %ymm\\n, 256+32*\\n(%rcx)\n  .endr\n  vzeroupper\n  jmp 4f\n"
    "3: .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n  movdqu %xmm\\n, 256+32*\\n(%rcx)\n  .endr\n"
    "4: pop %rsi\n  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n  cld\n  ret\n");

enum { COMPARED_FLAGS = 0xcd5 };   /* CF PF AF ZF SF DF OF */

static void *allocate(void *unused)
{
    (void)unused;
    for (unsigned i = 0;; i++) {
        char *block = malloc(64 + i % 4096);
        memset(block, (int)i, 64);
        free(block);
        if (i % 64 == 0)
            poll(NULL, 0, 1);
    }
    return NULL;
}

static volatile unsigned long handled;
static unsigned long interrupted;

static void handle(int signal)
{
    (void)signal;
    handled++;
}

/* To this thread alone: the other one's calls must not be ended instead. */
static void signal_every(long nanoseconds)
{
    sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = handle }, NULL);
    struct sigevent notify = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1, .sigev_notify_thread_id = gettid() };
    timer_t timer;
    timer_create(CLOCK_MONOTONIC, &notify, &timer);
    timer_settime(timer, 0, &(struct itimerspec){ .it_interval.tv_nsec = nanoseconds, .it_value.tv_nsec = nanoseconds }, NULL);
}

static struct pollfd input = { .fd = 0, .events = POLLIN };
static struct epoll_event events[1];
static struct timespec moment;
static fd_set set;
static int epoll;

/* Sets up the arguments of a call that waits for up to a few milliseconds, or for input. */
static void prepare(struct registers *before, const char *kind)
{
    uint64_t *g = before->general;
    moment = (struct timespec){ .tv_nsec = 3000000 };
    if (strcmp(kind, "poll") == 0) {
        g[0] = SYS_poll, g[3] = (uint64_t)&input, g[4] = 1, g[5] = 3;
    } else if (strcmp(kind, "ppoll") == 0) {
        g[0] = SYS_ppoll, g[3] = (uint64_t)&input, g[4] = 1, g[5] = (uint64_t)&moment, g[6] = 0;
    } else if (strcmp(kind, "masked") == 0) {
        static uint64_t all_in;
        g[0] = SYS_ppoll, g[3] = (uint64_t)&input, g[4] = 1, g[5] = (uint64_t)&moment, g[6] = (uint64_t)&all_in, g[7] = 8;
    } else if (strcmp(kind, "epoll_wait") == 0) {
        g[0] = SYS_epoll_wait, g[3] = (uint64_t)epoll, g[4] = (uint64_t)events, g[5] = 1, g[6] = 3;
    } else if (strcmp(kind, "select") == 0) {
        FD_ZERO(&set);
        FD_SET(0, &set);
        static struct timeval time;
        time = (struct timeval){ .tv_usec = 3000 };
        g[0] = SYS_select, g[3] = 1, g[4] = (uint64_t)&set, g[5] = 0, g[6] = 0, g[7] = (uint64_t)&time;
    } else if (strcmp(kind, "clock_nanosleep") == 0) {
        g[0] = SYS_clock_nanosleep, g[3] = CLOCK_MONOTONIC, g[4] = 0, g[5] = (uint64_t)&moment, g[6] = 0;
    } else {
        g[0] = SYS_pause;
    }
}

static void fail(const char *what, unsigned index, uint64_t value)
{
    printf("wrong %s %u: %llx\n", what, index, (unsigned long long)value);
    fflush(stdout);
    _exit(99);
}

/* Only a call that a timer's signal ends here may tell of it. */
static void compare(const struct registers *before, const struct registers *after, const char *kind)
{
    int64_t result = (int64_t)after->general[0];
    bool is_masked = strcmp(kind, "masked") == 0;
    if (strcmp(kind, "pause") == 0 ? result != -EINTR : result != 0 && result != 1 && !(is_masked && result == -EINTR))
        fail("result", 0, (uint64_t)result);
    interrupted += result == -EINTR;
    if (is_masked && interrupted != handled)
        fail("count of signals", (unsigned)interrupted, handled);
    for (unsigned i = 1; i < 13; i++)
        if (after->general[i] != before->general[i])
            fail("register", i, after->general[i]);
    if ((after->flags ^ before->flags) & COMPARED_FLAGS)
        fail("flags", 0, after->flags);
    for (unsigned i = 0; i < 16; i++)
        if (after->red_zone[i] != before->red_zone[i])
            fail("red zone", i, after->red_zone[i]);
    for (unsigned i = 0; i < 16; i++)
        if (memcmp(after->vectors[i], before->vectors[i], has_avx ? 32 : 16) != 0)
            fail("vector", i, *(const uint64_t *)after->vectors[i]);
}

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "poll";
    long signal_ns = argc > 2 ? atol(argv[2]) * 1000 : 1000000;
    has_avx = __builtin_cpu_supports("avx2");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN };
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
    pthread_t thread;
    pthread_create(&thread, NULL, allocate, NULL);
    if (strcmp(kind, "pause") == 0) {
        signal_every(signal_ns);
    } else if (strcmp(kind, "masked") == 0) {
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, SIGUSR1);
        pthread_sigmask(SIG_BLOCK, &one, NULL);
        signal_every(signal_ns);
    }
    printf("ready\n");
    fflush(stdout);
    for (unsigned long rounds = 0;; rounds++) {
        static struct registers before, after;
        uint64_t value = rounds * 0x9e3779b97f4a7c15 + 1;
        for (unsigned i = 0; i < sizeof before / 8; i++)
            ((uint64_t *)&before)[i] = value *= 0x9e3779b97f4a7c15;
        before.flags = rounds & 1 ? 0x202 | 0x8d5 : 0x202 | 0x400;
        errno = (int)rounds;
        prepare(&before, kind);
        checked_syscall(&before, &after);
        if (errno != (int)rounds)
            fail("errno", 0, (uint64_t)errno);
        compare(&before, &after, kind);
        if (poll(&input, 1, 0) == 1) {
            char byte;
            if (read(0, &byte, 1) != 1)
                return 0;
            printf("%lu\n", rounds);
            fflush(stdout);
        }
    }
}
