#include "agent.h"

/* One line on the console: for people and for error messages only. */
void say(const char *text)
{
    SYS_3(write, 1, text, length(text));
    SYS_3(write, 1, "\n", 1);
}

void complain(const char *what, const char *about, long error)
{
    char line[600], *at = put(line, "init: ");
    at = put(put(put(at, what), " "), about);
    put_number(put(at, ": error "), (u32)(error < 0 ? -error : error));
    say(line);
}

/* The file's start, NUL-terminated; its length or a negative error. */
long read_file(const char *path, char *to, word size)
{
    long fd = SYS_3(open, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    word used = 0;
    long n = 0;
    while (used < size - 1 && (n = SYS_3(read, fd, to + used, size - 1 - used)) > 0)
        used += (word)n;
    SYS_1(close, fd);
    to[used] = 0;
    return n < 0 ? n : (long)used;
}

void write_file(const char *path, const char *text)
{
    long fd = SYS_3(open, path, O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0 || SYS_3(write, fd, text, length(text)) < 0)
        complain("cannot write", path, fd);
    if (fd >= 0)
        SYS_1(close, fd);
}

int copy_file(const char *from, const char *to)
{
    static char buffer[65536];
    long in = SYS_3(open, from, O_RDONLY | O_CLOEXEC, 0);
    long out = SYS_3(open, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    long n = in < 0 ? in : out;
    while (n >= 0 && (n = SYS_3(read, in, buffer, sizeof buffer)) > 0)
        n = SYS_3(write, out, buffer, n);
    if (in >= 0)
        SYS_1(close, in);
    if (out >= 0)
        SYS_1(close, out);
    if (n < 0)
        complain("cannot copy to", to, n);
    return n < 0 ? -1 : 0;
}

/* Makes every folder above the path's last component. */
void make_folders(const char *path)
{
    char part[1024];
    for (word i = 1; path[i] && i < sizeof part; i++)
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = 0;
            SYS_2(mkdir, part, 0755);
        }
}

/* Raw mode: no echo, no translation (struct termios, include/uapi/asm-generic/termbits.h; TCGETS, TCSETS). */
void make_raw(long port)
{
    struct { u32 input, output, control, local; u8 line, special[19]; } settings;
    SYS_3(ioctl, port, 0x5401, &settings);
    settings.input = settings.output = settings.local = 0;
    settings.special[5] = 0;
    settings.special[6] = 1;
    SYS_3(ioctl, port, 0x5402, &settings);
}
