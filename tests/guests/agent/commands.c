/* The conversation with the host: one command a line on the second serial port; each is answered by one line,
 * "done …" or "failed …". */
#include "agent.h"
#include "workload.h"

static long port;
static long spinners[64];
static int spinning;

static void answer(int result, const char *text)
{
    char line[600], *at = put(line, result < 0 ? "failed" : "done");
    if (*text)
        at = put(put(at, " "), text);
    at = put(at, "\n");
    for (char *from = line; from < at;) {
        long n = SYS_3(write, port, from, at - from);
        if (n <= 0)
            return;
        from += n;
    }
}

/* One process per CPU that never leaves user mode of its own will. */
static void spin(word cpus)
{
    make_folders("/usr/bin/spinner");
    SYS_2(link, APP, "/usr/bin/spinner");
    ready_begin();
    for (word i = 0; i < cpus && spinning < 64; i++)
        spinners[spinning++] = launch(&(struct launch){ .path = "/usr/bin/spinner", .role = "spin", .uid = 1000,
                                                        .gid = 1000, .cpu = (int)i });
    ready_wait();
}

static void end(long pid)
{
    SYS_2(kill, pid, SIGKILL);
    SYS_4(wait4, pid, 0, 0, 0);
}

static void rest(void)
{
    while (spinning)
        end(spinners[--spinning]);
}

/* A new process by a path of its own; its id is the answer. */
static int start(const char *path, char *reply)
{
    make_folders(path);
    SYS_2(link, APP, path);
    ready_begin();
    long pid = launch(&(struct launch){ .path = path, .cpu = -1 });
    ready_wait();
    put_number(reply, (u32)pid);
    return pid < 0 ? -1 : 0;
}

/* "peek PID ADDRESS COUNT": bytes of a process as the guest itself sees them, in hexadecimal. */
static int peek(const char *arguments, char *reply)
{
    char path[40];
    u8 bytes[256];
    word values[3] = { 0 };
    for (int i = 0; i < 3; i++) {
        values[i] = number(arguments);
        while (*arguments && *arguments != ' ')
            arguments++;
        while (*arguments == ' ')
            arguments++;
    }
    put(put_number(put(path, "/proc/"), (u32)values[0]), "/mem");
    long fd = SYS_3(open, path, O_RDONLY | O_CLOEXEC, 0), n = -1;
    if (fd >= 0 && SYS_3(lseek, fd, values[1], 0) >= 0)
        n = SYS_3(read, fd, bytes, values[2] < sizeof bytes ? values[2] : sizeof bytes);
    if (fd >= 0)
        SYS_1(close, fd);
    for (long i = 0; i < n; i++) {
        *reply++ = "0123456789abcdef"[bytes[i] >> 4];
        *reply++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *reply = 0;
    return n < 0 ? -1 : 0;
}

static void obey(const char *line)
{
    char reply[550] = "";
    int result = 0;
    if (same(line, "snapshot") || same(line, "snapshot full"))
        result = snapshot(same(line, "snapshot full"), reply);
    else if (starts(line, "spin "))
        spin(number(line + 5));
    else if (same(line, "rest"))
        rest();
    else if (starts(line, "start /"))
        result = start(line + 6, reply);
    else if (starts(line, "stop "))
        end((long)number(line + 5));
    else if (starts(line, "peek "))
        result = peek(line + 5, reply);
    else if (starts(line, "net "))
        result = network(line + 4, reply);
    else if (!same(line, "ping") && !workload(line, reply, &result)) {
        put(reply, "unknown command");
        result = -1;
    }
    answer(result, reply);
}

void serve_commands(void)
{
    char line[512];
    word filled = 0;
    port = SYS_3(open, "/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
    if (port < 0)
        complain("cannot open", "/dev/ttyS1", port);
    make_raw(port);
    answer(0, "ready");
    for (;;) {
        char byte;
        if (SYS_3(read, port, &byte, 1) != 1)
            SYS_1(exit_group, 1);
        if (byte == '\n') {
            line[filled] = 0;
            filled = 0;
            obey(line);
        } else if (filled < sizeof line - 1)
            line[filled++] = byte;
    }
}
