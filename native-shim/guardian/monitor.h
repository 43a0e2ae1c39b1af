/* The machine's monitor, asked for one line of the human monitor at a time, each over a connection of its own. */
#ifndef VMI_MONITOR_H
#define VMI_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum monitor_kind { MONITOR_NONE, MONITOR_QMP, MONITOR_HMP, MONITOR_RUN };

struct monitor {
    enum monitor_kind kind;
    /* Of QMP and HMP: where it listens (stream_connect). */
    const char *address;
    /* Of RUN: a program and its arguments; the line becomes the last one. At most MONITOR_WORDS - 2. */
    char **words;
    int word_count;
};

enum { MONITOR_WORDS = 64 };

/* Runs a line that needs no quoting. The answer, cut to size - 1 bytes, ends with NUL; it may hold the protocol around the text.
   False where there is no monitor or it did not answer in time. */
bool monitor_ask(const struct monitor *monitor, const char *line, char *answer, size_t size, int64_t deadline);

#endif
