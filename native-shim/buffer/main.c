/* vmi-buffer: takes what comes through one FIFO at once, keeps it, and gives it through another as fast as that is read. It stands between
 * QEMU, whose capture ends when its FIFO is full, and a process that its runtime stops at times (garbage collection).
 *
 *     vmi-buffer FROM TO BYTES
 *
 * It says "ready" on standard output when both are open. It ends, with 0, when FROM has no writer any more and all is given on, or when
 * TO has no reader: FROM is closed then, and its writer is told (EPIPE). When BYTES are kept it reads no more until there is room. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { USAGE = 2, PIPE_BYTES = 1 << 20 };

/* A ring. Its pages are given back when it runs empty after having held much. */
struct kept {
    char *bytes;
    size_t size, start, count, most;
};

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "vmi-buffer: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* The two pieces, from `at` on, of `count` bytes. */
static int pieces(const struct kept *kept, size_t at, size_t count, struct iovec piece[2])
{
    size_t first = kept->size - at < count ? kept->size - at : count;
    piece[0] = (struct iovec){ kept->bytes + at, first };
    piece[1] = (struct iovec){ kept->bytes, count - first };
    return count > first ? 2 : 1;
}

/* False at the end of what comes. */
static bool take(struct kept *kept, int from)
{
    struct iovec piece[2];
    int count = pieces(kept, (kept->start + kept->count) % kept->size, kept->size - kept->count, piece);
    ssize_t got = readv(from, piece, count);
    if (got > 0)
        kept->count += (size_t)got;
    if (kept->count > kept->most)
        kept->most = kept->count;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* False where nobody reads any more. */
static bool give(struct kept *kept, int to)
{
    struct iovec piece[2];
    ssize_t put = writev(to, piece, pieces(kept, kept->start, kept->count, piece));
    if (put < 0)
        return errno == EAGAIN || errno == EINTR;
    kept->count -= (size_t)put;
    kept->start = (kept->start + (size_t)put) % kept->size;
    if (kept->count == 0) {
        if (kept->most > PIPE_BYTES)
            madvise(kept->bytes, kept->size, MADV_DONTNEED);
        kept->start = kept->most = 0;
    }
    return true;
}

/* A burst fills a FIFO in some milliseconds: where that is allowed, this runs before all ordinary processes. Where it is not, a host whose
 * processors are all busy may be too slow. A short slice (sched_setattr, Linux 6.12) was tried and is not enough. */
static void hurry(void)
{
    sched_setscheduler(0, SCHED_RR, &(struct sched_param){ .sched_priority = 1 });
}

int main(int argc, char **argv)
{
    char *end = "";
    struct kept kept = { .size = argc == 4 ? strtoul(argv[3], &end, 10) : 0 };
    if (kept.size == 0 || *end) {
        fprintf(stderr, "usage: vmi-buffer FROM TO BYTES\n");
        return USAGE;
    }
    /* Ctrl-C at the host's prompt is for the host, which ends us by its own end. */
    setsid();
    static const int ignored[] = { SIGINT, SIGHUP, SIGPIPE };
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    kept.bytes = mmap(NULL, kept.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (kept.bytes == MAP_FAILED)
        fail(argv[3]);
    int from = open(argv[1], O_RDONLY | O_NONBLOCK), to = open(argv[2], O_WRONLY | O_NONBLOCK);
    if (from < 0 || to < 0)
        fail(from < 0 ? argv[1] : argv[2]);
    fcntl(to, F_SETPIPE_SZ, PIPE_BYTES);
    hurry();
    puts("ready");
    fflush(stdout);
    bool comes = true;
    while (comes || kept.count > 0) {
        /* A FIFO that nobody has opened to write yet shows no event. An error at `to` is a reader that has gone. */
        struct pollfd files[] = {
            { .fd = comes && kept.count < kept.size ? from : -1, .events = POLLIN },
            { .fd = to, .events = kept.count > 0 ? POLLOUT : 0 },
        };
        if (poll(files, 2, -1) < 0)
            continue;
        if (files[0].revents)
            comes = take(&kept, from);
        if (files[1].revents & POLLERR || (kept.count > 0 && !give(&kept, to)))
            return 0;
    }
    return 0;
}
