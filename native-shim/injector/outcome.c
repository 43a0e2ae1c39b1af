#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "outcome.h"

_Noreturn void vmi_fail(enum vmi_outcome outcome, const char *format, ...)
{
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    /* Parts of it come out of the target. */
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    fprintf(stderr, "vmi-inject: %s\n", line);
    exit(outcome);
}
