#include "agent.h"

/* The host writes their names into a list, dependencies first. */
void load_modules(void)
{
    char list[4096];
    long size = read_file("/modules/order", list, sizeof list);
    for (char *name = list; size > 0 && *name;) {
        char path[300], *end = name;
        while (*end && *end != '\n')
            end++;
        if (*end)
            *end++ = 0;
        put(put(path, "/modules/"), name);
        long fd = SYS_3(open, path, O_RDONLY | O_CLOEXEC, 0);
        long result = fd < 0 ? fd : SYS_3(finit_module, fd, "", 0);
        if (result < 0)
            complain("cannot load", path, result);
        if (fd >= 0)
            SYS_1(close, fd);
        name = end;
    }
}
