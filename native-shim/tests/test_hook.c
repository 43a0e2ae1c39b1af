/* The hook in a program that was there before it, linked as QEMU is (-z now, RELRO): `test_hook LIBRARY`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hook_library.h"
#include "vmi_check.h"

static bool (*install)(void), (*take_out)(void);
static unsigned (*calls)(void);

/* The parts of the process's memory that can be written and executed, or the program's own that can be written: as /proc/self/maps has them. */
static char *rights(void)
{
    char *text = calloc(1, 1 << 16), line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    if (!text || !maps)
        abort();
    while (fgets(line, sizeof line, maps))
        if (strstr(line, "test_hook"))
            strncat(text, line, (1 << 16) - strlen(text) - 1);
    fclose(maps);
    return text;
}

static void expect_same_rights(const char *before, const char *what)
{
    char *now = rights();
    if (strcmp(before, now) != 0)
        printf("before:\n%snow:\n%s", before, now);
    expect(strcmp(before, now) == 0, what);
    free(now);
}

static int ask(int fd)
{
    int bytes = -1;
    return ioctl(fd, FIONREAD, &bytes) == 0 ? bytes : -errno;
}

int main(int count, char **arguments)
{
    int ends[2];
    void *library = dlopen(count > 1 ? arguments[1] : "", RTLD_NOW);
    if (!library || pipe(ends) != 0 || write(ends[1], "12345", 5) != 5) {
        printf("FAILED %s\n", dlerror());
        return 2;
    }
    install = (bool (*)(void))dlsym(library, "hook_library_install");
    take_out = (bool (*)(void))dlsym(library, "hook_library_remove");
    calls = (unsigned (*)(void))dlsym(library, "hook_library_calls");
    expect_equal(5, (uint64_t)ask(ends[0]), "ioctl does not work");
    char *before = rights();
    for (unsigned round = 0; round < 3; round++) {
        unsigned seen = calls();
        expect(install() && install(), "the hook is not installed");
        expect_same_rights(before, "the table can be written while the hook is in");
        expect_equal(5, (uint64_t)ask(ends[0]), "ioctl gives another result through the hook");
        expect_equal((uint64_t)-EBADF, (uint64_t)(int64_t)ask(-1), "ioctl gives another error through the hook");
        expect_equal(seen + 2, calls(), "calls do not come through the hook");
        expect(take_out() && take_out(), "the hook is not taken out");
        expect_same_rights(before, "the table can be written when the hook is out");
        expect_equal(5, (uint64_t)ask(ends[0]), "ioctl does not work any more");
        expect_equal(seen + 2, calls(), "calls come through a hook that is out");
    }
    free(before);
    expect(dlclose(library) == 0, "the library cannot be closed");
    expect_equal(5, (uint64_t)ask(ends[0]), "ioctl does not work without the library");
    return conclude();
}
