/* The kernel's own tracing of a function that is called a known number of times: by a kernel probe, which is an int3 or a call in its text,
 * or by ftrace, which turns the nop at its beginning into a call (Documentation/trace/kprobetrace.rst, ftrace.rst). */
#include "workload.h"

#define TRACING "/tracing/"

/* The number behind a text in a file; -1 if it is not there. */
static long number_behind(const char *path, const char *text)
{
    static char content[8192];
    long size = read_file(path, content, sizeof content - 1);
    content[size < 0 ? 0 : size] = 0;
    for (const char *at = content; *at; at++) {
        if (!starts(at, text))
            continue;
        for (at += length(text); *at == ' '; at++) { }
        return (long)number(at);
    }
    return -1;
}

static void put_into(const char *path, const char *before, const char *symbol)
{
    char text[200];
    *put(put(text, before), symbol) = 0;
    write_file(path, text);
}

static void call(u32 count)
{
    for (u32 i = 0; i < count; i++)
        SYS_1(getpgid, 0);
}

static long by_probe(const char *symbol, u32 count)
{
    put_into(TRACING "kprobe_events", "p:vmipl ", symbol);
    write_file(TRACING "events/kprobes/vmipl/enable", "1");
    call(count);
    write_file(TRACING "events/kprobes/vmipl/enable", "0");
    long hits = number_behind(TRACING "kprobe_profile", "vmipl");
    write_file(TRACING "kprobe_events", "-:vmipl");
    return hits;
}

static long by_tracer(const char *symbol, u32 count)
{
    put_into(TRACING "set_ftrace_filter", "", symbol);
    write_file(TRACING "current_tracer", "function");
    call(count);
    write_file(TRACING "tracing_on", "0");
    long written = number_behind(TRACING "trace", "entries-written: ");
    write_file(TRACING "current_tracer", "nop");
    write_file(TRACING "tracing_on", "1");
    return written;
}

/* "trace probe SYMBOL N", "trace function SYMBOL N": getpgid is called N times meanwhile; "seen" is what the kernel has counted. */
int trace(const char *arguments, char *reply)
{
    char symbol[100];
    const char *name = next(arguments);
    word size = 0;
    while (name[size] && name[size] != ' ' && size < sizeof symbol - 1)
        size++;
    memcpy(symbol, name, size);
    symbol[size] = 0;
    u32 count = (u32)number(next(name));
    if (!starts(arguments, "probe ") && !starts(arguments, "function "))
        return -1;
    SYS_2(mkdir, "/tracing", 0700);
    SYS_5(mount, "tracefs", "/tracing", "tracefs", 0, 0);
    long seen = starts(arguments, "probe ") ? by_probe(symbol, count) : by_tracer(symbol, count);
    SYS_2(umount2, "/tracing", 0);
    reply = fact(reply, "count", count);
    fact(reply, "seen", (u32)(seen < 0 ? 0 : seen));
    return seen < 0 ? -1 : 0;
}
