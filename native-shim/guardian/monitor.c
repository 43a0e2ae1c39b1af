#define _GNU_SOURCE
#include "monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stream.h"

/* Reads until a line of QMP begins with the given text; events and what else there is are passed over. The line is cut to
   what fits, never taken for another. */
static bool read_line(int fd, const char *begin, const char *other, char *line, size_t size, int64_t deadline)
{
    size_t length = 0;
    for (;;) {
        char byte;
        if (stream_receive(fd, &byte, 1, deadline) != 1 || now_ms() > deadline)
            return false;
        if (byte != '\n') {
            if (length < size - 1)
                line[length++] = byte;
            continue;
        }
        line[length] = '\0';
        if (strncmp(line, begin, strlen(begin)) == 0)
            return true;
        if (strncmp(line, other, strlen(other)) == 0)
            return false;
        length = 0;
    }
}

/* docs/interop/qmp-spec: a greeting, the negotiation, then commands; events may stand between. */
static bool ask_qmp(int fd, const char *line, char *answer, size_t size, int64_t deadline)
{
    static const char capabilities[] = "{\"execute\":\"qmp_capabilities\"}\n";
    char command[256];
    int length = snprintf(command, sizeof command,
        "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"%s\"}}\n", line);
    return length > 0 && (size_t)length < sizeof command
        && read_line(fd, "{\"QMP\"", "{\"error\"", answer, size, deadline)
        && stream_send(fd, capabilities, sizeof capabilities - 1, deadline)
        && read_line(fd, "{\"return\"", "{\"error\"", answer, size, deadline)
        && stream_send(fd, command, (size_t)length, deadline)
        && read_line(fd, "{\"return\"", "{\"error\"", answer, size, deadline);
}

/* Reads to the next prompt. Of a text that does not fit, the front is kept. */
static bool read_to_prompt(int fd, char *text, size_t size, int64_t deadline)
{
    static const char prompt[] = "(qemu) ";
    size_t length = 0, matched = 0;
    while (matched < sizeof prompt - 1) {
        char byte;
        if (stream_receive(fd, &byte, 1, deadline) != 1 || now_ms() > deadline)
            return false;
        matched = byte == prompt[matched] ? matched + 1 : byte == prompt[0];
        if (length < size - 1)
            text[length++] = byte;
    }
    text[length] = '\0';
    return true;
}

static bool ask_human(int fd, const char *line, char *answer, size_t size, int64_t deadline)
{
    return read_to_prompt(fd, answer, size, deadline)
        && stream_send(fd, line, strlen(line), deadline)
        && stream_send(fd, "\n", 1, deadline)
        && read_to_prompt(fd, answer, size, deadline);
}

static void run_child(const struct monitor *monitor, const char *line, int output)
{
    char *words[MONITOR_WORDS];
    memcpy(words, monitor->words, (size_t)monitor->word_count * sizeof *words);
    words[monitor->word_count] = (char *)line;
    words[monitor->word_count + 1] = NULL;
    /* What the guardian ignores must not be ignored by others. */
    static const int ignored[] = { SIGINT, SIGHUP, SIGTERM, SIGQUIT, SIGPIPE };
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_DFL);
    if (dup2(output, STDOUT_FILENO) >= 0)
        execvp(words[0], words);
    _exit(127);
}

static bool run(const struct monitor *monitor, const char *line, char *answer, size_t size, int64_t deadline)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    pid_t child = fork();
    if (child == 0)
        run_child(monitor, line, ends[1]);
    close(ends[1]);
    size_t length = 0;
    ssize_t got = 1;
    /* The end of its output is the end of its work, or near enough to wait for it. */
    while (child > 0 && got > 0 && stream_readable(ends[0], deadline)) {
        char more[512];
        got = read(ends[0], more, sizeof more);
        size_t taken = got <= 0 ? 0 : (size_t)got < size - 1 - length ? (size_t)got : size - 1 - length;
        memcpy(answer + length, more, taken);
        length += taken;
    }
    answer[length] = '\0';
    close(ends[0]);
    int status = 0;
    if (child > 0 && got != 0)
        kill(child, SIGKILL);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool monitor_ask(const struct monitor *monitor, const char *line, char *answer, size_t size, int64_t deadline)
{
    if (monitor->kind == MONITOR_NONE)
        return false;
    if (monitor->kind == MONITOR_RUN)
        return run(monitor, line, answer, size, deadline);
    int fd = stream_connect(monitor->address, deadline);
    if (fd < 0)
        return false;
    bool done = monitor->kind == MONITOR_QMP
        ? ask_qmp(fd, line, answer, size, deadline)
        : ask_human(fd, line, answer, size, deadline);
    close(fd);
    return done;
}
