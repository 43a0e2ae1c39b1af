#define _GNU_SOURCE
#include "stub.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream.h"

enum {
    ANSWER_MS = 300,   /* for what is not waited for to the end; a QEMU that works answers within one */
    MAX_VCPUS = 4096,
    DRAIN_BYTES = 1 << 22,
};

/* Brings the stub, whatever state it is in, to one in which the machine is stopped and the next byte begins a packet.
   Three plus signs: each acknowledges an answer that waits for that (until then any other byte is lost), or stops a
   machine that runs (and is lost), or does nothing; the order of these can take three. 0x03 would be lost before the
   acknowledgment. A packet that was cut short is then filled, by run-length encoding, past the end of the stub's buffer
   (4 KiB in 7.2, 128 KiB in 10.0), for which it is thrown away; a wrong checksum alone would be the right one for one packet
   in 256, and a command cut short would be carried out. In every other state these bytes are skipped: none is a '$'. */
enum { FILL_PAIRS = 1400, RESYNC_BYTES = 3 + 1 + 2 * FILL_PAIRS + 3 };

static size_t put_resync(char *to)
{
    char *at = to;
    memcpy(at, "+++x", 4);
    at += 4;
    for (int i = 0; i < FILL_PAIRS; i++, at += 2)
        memcpy(at, "*~", 2);
    memcpy(at, "#00", 3);
    return (size_t)(at + 3 - to);
}

static size_t put_packet(char *to, const char *command)
{
    unsigned sum = 0;
    for (const char *at = command; *at; at++)
        sum += (unsigned char)*at;
    return (size_t)sprintf(to, "$%s#%02x", command, sum & 0xff);
}

/* What an answer is, by its first bytes. */
enum answer { ANSWER_NONE, ANSWER_OK, ANSWER_ERROR, ANSWER_STOPPED, ANSWER_INTERRUPTED };

/* Packets out of a stream of bytes: `$…#xx`, acknowledgments between them. */
struct reader {
    bool inside;
    char start[3];
    unsigned length;
};

static enum answer take(struct reader *reader, char byte)
{
    if (byte == '$') {
        reader->inside = true;
        reader->length = 0;
    } else if (byte == '#' && reader->inside) {
        reader->inside = false;
        if (reader->length >= 3 && reader->start[0] == 'T')
            return memcmp(reader->start, "T02", 3) == 0 ? ANSWER_INTERRUPTED : ANSWER_STOPPED;
        if (reader->length == 2 && memcmp(reader->start, "OK", 2) == 0)
            return ANSWER_OK;
        return ANSWER_ERROR;
    } else if (reader->inside) {
        if (reader->length < sizeof reader->start)
            reader->start[reader->length] = byte;
        reader->length++;
    }
    return ANSWER_NONE;
}

bool stub_drain(int fd)
{
    struct reader reader = { 0 };
    bool interrupted = false;
    char bytes[4096];
    /* Bounded: QEMU may have been taken over, and send without end. */
    for (size_t total = 0; total < DRAIN_BYTES;) {
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got <= 0)
            break;
        total += (size_t)got;
        for (ssize_t i = 0; i < got; i++)
            if (take(&reader, bytes[i]) == ANSWER_INTERRUPTED)
                interrupted = true;
    }
    return interrupted;
}

/* The next answer; NONE where none came in time or the connection ended. */
static enum answer next_answer(int fd, struct reader *reader, int64_t deadline)
{
    char byte;
    /* One by one, so that what follows stays for the next call; these are a few dozen bytes. */
    while (now_ms() <= deadline && stream_receive(fd, &byte, 1, deadline) == 1) {
        enum answer answer = take(reader, byte);
        if (answer != ANSWER_NONE)
            return answer;
    }
    return ANSWER_NONE;
}

static bool send_packet(int fd, const char *command, int64_t deadline)
{
    char packet[64];
    return stream_send(fd, packet, put_packet(packet, command), deadline);
}

/* Runs a command that is answered with OK or an error; late news of stops are passed over. */
static enum answer ask(int fd, struct reader *reader, const char *command, int64_t deadline)
{
    enum answer answer = ANSWER_STOPPED;
    if (!send_packet(fd, command, deadline))
        return ANSWER_NONE;
    while (answer == ANSWER_STOPPED || answer == ANSWER_INTERRUPTED)
        answer = next_answer(fd, reader, deadline);
    return answer;
}

static int64_t soon(int64_t deadline)
{
    int64_t step = now_ms() + ANSWER_MS;
    return step < deadline ? step : deadline;
}

/* Stops the machine and waits for the answer to `?`: once that is there, QEMU's main loop has gone round, and a breakpoint that
   was hit at the same moment has been dealt with. Otherwise that hit would stop the machine again after the detach. Returns
   whether the machine ran until now. */
static bool halt(int fd, struct reader *reader, int64_t deadline)
{
    char bytes[RESYNC_BYTES + 64];
    size_t length = put_resync(bytes);
    length += put_packet(bytes + length, "?");
    bool ran = false;
    if (!stream_send(fd, bytes, length, deadline))
        return false;
    for (;;) {
        /* `?` is always answered with T05; T02 tells of the stop that was made just now. */
        enum answer answer = next_answer(fd, reader, deadline);
        if (answer == ANSWER_INTERRUPTED)
            ran = true;
        else if (answer == ANSWER_STOPPED || answer == ANSWER_NONE)
            return ran;
    }
}

/* Removes the breakpoints of each vCPU: since 7.2, `?` does so for the chosen one only (under TCG). */
static void clear_each(int fd, struct reader *reader, int64_t deadline)
{
    for (unsigned vcpu = 1; vcpu <= MAX_VCPUS; vcpu++) {
        char choose[32];
        snprintf(choose, sizeof choose, "Hcp1.%x", vcpu);
        if (ask(fd, reader, choose, deadline) != ANSWER_OK || !send_packet(fd, "?", deadline))
            break;
        enum answer answer;
        do
            answer = next_answer(fd, reader, deadline);
        while (answer != ANSWER_STOPPED && answer != ANSWER_NONE);
    }
    /* The last answer must not wait for an acknowledgment that the next client does not know of. */
    stream_send(fd, "+", 1, deadline);
}

/* A connection of our own in place of the dead host's. Only with a new one does QEMU attach the client again: the host may have
   detached already, and QEMU 7.2 crashes at a second `D` or a `?` after one. The new one waits in the backlog until QEMU
   sees the end of the old one; what is half received stays in the stub's buffer all the same. */
static int reconnect(const char *path, int fd, int64_t deadline)
{
    int fresh = stream_connect(path, deadline);
    if (fresh < 0)
        return -1;
    if (fd >= 0) {
        shutdown(fd, SHUT_RDWR);
        close(fd);
    }
    return fresh;
}

/* One try; true where it need not be made again. */
static bool leave(int fd, bool stay, int64_t deadline)
{
    struct reader reader = { 0 };
    bool ran = halt(fd, &reader, soon(deadline));
    if (stay && !ran) {
        clear_each(fd, &reader, deadline);
        return true;
    }
    /* Detaches: QEMU removes the breakpoints of all vCPUs and lets the machine run. The process is named, as it must be where
       `multiprocess` was negotiated, and does no harm where not. Sent even if QEMU is silent: it finds it when it wakes, as
       long as the connection is held. */
    return ask(fd, &reader, "D;1", deadline) == ANSWER_OK;
}

void stub_leave(const char *path, int fd, bool stay, int64_t deadline)
{
    bool done = false;
    for (int tries = 0; tries < 2 && !done && now_ms() < deadline; tries++) {
        int fresh = reconnect(path, fd, soon(deadline));
        if (fresh < 0 && tries > 0)
            break;
        /* Where the path has been taken away from under us, the old connection is the only one. */
        fd = fresh < 0 ? fd : fresh;
        done = leave(fd, stay, deadline);
    }
    close(fd);
}
