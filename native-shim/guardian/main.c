/* vmi-guardian: holds the connection to a QEMU gdbstub together with the process that runs probes over it (the host), so
 * that the host's death, however sudden, leaves the guest running (or paused, if it was on purpose) and without breakpoints.
 *
 *     vmi-guardian @CONTROL GDBSTUB [qmp ADDRESS | hmp ADDRESS | run PROGRAM ARGUMENT…]
 *
 * CONTROL is the abstract Unix socket at which the host waits for us, GDBSTUB the path of the gdbstub's socket; the rest says
 * how the machine's monitor is reached (see stream_connect and monitor.h). Started as an ordinary child; it goes into a session of
 * its own and answers over CONTROL alone. Nothing is allocated; nothing is waited for without a deadline but the host. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"
#include "monitor.h"
#include "stream.h"
#include "stub.h"

enum {
    CONNECT_MS = 1000,
    STATE_MS = 200,      /* the monitor may hang, and a guest may wait for this answer */
    LEAVE_MS = 10000,    /* a QEMU that hangs this long keeps its breakpoints */
    CLOSE_MS = 3000,
    LOOKS = 4,
    LOOK_MS = 10,        /* and twice as long before each further look */
    HIGHEST_FD = 4096,
};

static bool parse_monitor(int count, char **words, struct monitor *monitor)
{
    *monitor = (struct monitor){ .kind = MONITOR_NONE };
    if (count == 0)
        return true;
    if (count == 2 && (strcmp(words[0], "qmp") == 0 || strcmp(words[0], "hmp") == 0)) {
        monitor->kind = words[0][0] == 'q' ? MONITOR_QMP : MONITOR_HMP;
        monitor->address = words[1];
        return true;
    }
    monitor->kind = MONITOR_RUN;
    monitor->words = words + 1;
    monitor->word_count = count - 1;
    return strcmp(words[0], "run") == 0 && count >= 2 && count - 1 <= MONITOR_WORDS - 2;
}

/* Leaves the host's terminal, its files and its family: what is sent to a group, or to a whole tree of processes, is not for us. */
static void stand_alone(void)
{
    static const int ignored[] = { SIGINT, SIGHUP, SIGTERM, SIGQUIT, SIGPIPE };
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    signal(SIGCHLD, SIG_DFL);   /* ignored, it would take away the end of the monitor's program */
    pid_t child = fork();
    if (child > 0)
        _exit(0);
    setsid();                   /* without a second process (child < 0) this may fail, and all else holds */
    int nothing = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        if (nothing < 0 || dup2(nothing, fd) < 0)
            close(fd);
    if (syscall(SYS_close_range, 3U, ~0U, 0U) != 0)
        for (int fd = 3; fd < HIGHEST_FD; fd++)
            close(fd);
    if (chdir("/") != 0)
        return;                 /* only a folder that can't be unmounted meanwhile */
}

/* The host's copy of a connection must block as one that it made itself. */
static int open_connection(const char *path)
{
    int fd = stream_connect(path, now_ms() + CONNECT_MS);
    if (fd >= 0)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return fd;
}

struct session {
    int connection;   /* negative: none yet, or why there is none */
    char hint;
};

/* Serves the host. True where it said goodbye, or where QEMU is gone: nothing is left to be done for the guest. */
static bool serve(int host, const char *path, struct session *session)
{
    for (;;) {
        struct pollfd ends[2] = {
            { .fd = host, .events = POLLIN },
            { .fd = session->connection, .events = POLLRDHUP },
        };
        if (poll(ends, 2, -1) < 0)
            continue;
        char command = 0;
        /* The host comes first: what it said before QEMU went, or before it died, counts. */
        if (ends[0].revents) {
            ssize_t got = recv(host, &command, 1, MSG_DONTWAIT);
            if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
                return false;
            if (got < 0)
                continue;
        } else if (ends[1].revents) {
            return true;
        }
        switch (command) {
        case HOST_CONNECT:
            if (session->connection < 0)
                session->connection = open_connection(path);
            if (!host_answer(host, session->connection))
                return false;
            break;
        case HOST_RUNS:
        case HOST_STOPS:
        case HOST_PAUSED:
            session->hint = command;
            break;
        case HOST_QUIT:
            return true;
        default:
            break;
        }
    }
}

enum state { STATE_UNKNOWN, STATE_RUNNING, STATE_PAUSED, STATE_AT_EVENT };

/* "info status" of the human monitor, as QEMU 7.2 to 10.0 answer it. */
static enum state ask_state(const struct monitor *monitor)
{
    char answer[1024];
    if (!monitor_ask(monitor, "info status", answer, sizeof answer, now_ms() + STATE_MS))
        return STATE_UNKNOWN;
    if (strstr(answer, "VM status: running"))
        return STATE_RUNNING;
    if (!strstr(answer, "VM status: paused"))
        return STATE_UNKNOWN;
    return strstr(answer, "(debug)") ? STATE_AT_EVENT : STATE_PAUSED;
}

/* Whether a machine that stands still is to stay so. The host may have died between hearing of another's pause and telling of
   it: then the monitor knows. A pause of the host's own looks the same there, but is announced. */
static bool is_to_stay(const struct monitor *monitor, const struct session *session)
{
    bool heard = stub_drain(session->connection);
    if (session->hint == HOST_STOPS)
        return false;
    enum state state = ask_state(monitor);
    if (state == STATE_RUNNING)
        return false;
    return heard || session->hint == HOST_PAUSED || state == STATE_PAUSED;
}

static bool is_socket(const char *path)
{
    struct stat facts;
    return lstat(path, &facts) == 0 && S_ISSOCK(facts.st_mode);
}

/* A stop that QEMU had still to tell may come behind the detach, with nobody left to hear of it (a pending CPU_INTERRUPT_DEBUG of
   TCG): the machine would stand still for good. It comes as soon as the vCPU runs. */
static void see_off(const struct monitor *monitor)
{
    char answer[16384];
    for (int look = 0; look < LOOKS; look++) {
        poll(NULL, 0, LOOK_MS << look);
        enum state state = ask_state(monitor);
        if (state == STATE_UNKNOWN)
            return;
        /* Somebody else's stub stops it for events of his own. */
        if (state == STATE_AT_EVENT
            && monitor_ask(monitor, "info chardev", answer, sizeof answer, now_ms() + STATE_MS) && !strstr(answer, "gdb: filename"))
            monitor_ask(monitor, "cont", answer, sizeof answer, now_ms() + STATE_MS);
    }
}

/* The guest first, the monitor afterwards: that may hang. */
static void clean_up(const char *path, const struct monitor *monitor, const struct session *session)
{
    /* Without the socket the host had not opened the gdbstub yet: another one's may be open there. */
    bool opened = is_socket(path);
    bool stay = false;
    if (session->connection >= 0) {
        stay = is_to_stay(monitor, session);
        stub_leave(path, session->connection, stay, now_ms() + LEAVE_MS);
    }
    char answer[1024];
    if (opened)
        monitor_ask(monitor, "gdbserver none", answer, sizeof answer, now_ms() + CLOSE_MS);
    if (session->connection >= 0 && !stay)
        see_off(monitor);
}

/* A socket's path is unlinked; should there be anything else by now, it is not ours. */
static void remove_files(const char *path)
{
    char folder[sizeof ((struct sockaddr_un *)0)->sun_path];
    if (is_socket(path))
        unlink(path);
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    rmdir(folder);
}

int main(int argc, char **argv)
{
    struct monitor monitor;
    struct sockaddr_un address;
    socklen_t length;
    if (argc < 3 || argv[1][0] != '@' || argv[2][0] != '/' || !unix_address(argv[2], &address, &length)
        || !parse_monitor(argc - 3, argv + 3, &monitor)) {
        fprintf(stderr, "usage: vmi-guardian @CONTROL GDBSTUB [qmp ADDRESS | hmp ADDRESS | run PROGRAM ARGUMENT...]\n");
        return 2;
    }
    stand_alone();
    struct session session = { .connection = -1, .hint = HOST_RUNS };
    int host = host_connect(argv[1]);
    bool done = host >= 0 && serve(host, argv[2], &session);
    if (!done)
        clean_up(argv[2], &monitor, &session);
    remove_files(argv[2]);
    return 0;
}
