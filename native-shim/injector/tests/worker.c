/* A target with a thread of the kernel's in it: a worker of io_uring that waits for a pipe nobody writes to. Without io_uring it prints why and ends. It
   prints "ready", and answers each byte on its standard input with a line. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    return 1;
}

int main(void)
{
    static char byte;
    int ends[2];
    struct io_uring_params ring = { 0 };
    int fd = (int)syscall(SYS_io_uring_setup, 1, &ring);
    if (fd < 0)
        return fail("io_uring_setup");
    if (pipe(ends) != 0)
        return fail("pipe");
    char *queue = mmap(NULL, ring.sq_off.array + sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entry = mmap(NULL, sizeof *entry, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
    if (queue == MAP_FAILED || entry == MAP_FAILED)
        return fail("mmap");
    *entry = (struct io_uring_sqe){ .opcode = IORING_OP_READ, .flags = IOSQE_ASYNC, .fd = ends[0], .addr = (uintptr_t)&byte, .len = 1 };
    *(uint32_t *)(queue + ring.sq_off.array) = 0;
    *(uint32_t *)(queue + ring.sq_off.tail) = 1;
    if (syscall(SYS_io_uring_enter, fd, 1, 0, 0, NULL, 0) != 1)
        return fail("io_uring_enter");
    printf("ready\n");
    fflush(stdout);
    struct pollfd input = { .fd = 0, .events = POLLIN };
    for (unsigned long rounds = 0; ppoll(&input, 1, NULL, NULL) >= 0 && read(0, &byte, 1) == 1; rounds++) {
        printf("%lu\n", rounds);
        fflush(stdout);
    }
    return 0;
}
