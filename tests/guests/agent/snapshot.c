/* The guest's own view of itself, taken in this one process so that taking it changes nothing. */
#include "agent.h"

enum { MOST_TASKS = 32768, MOST_PASSES = 30 };

struct directory_entry {        /* struct linux_dirent64, include/linux/dirent.h */
    u64 inode, offset;
    unsigned short size;
    u8 type;
    char name[];
} __attribute__((packed));

static u32 tasks[2][MOST_TASKS];
static u32 count[2];
static int pass;

static void copy(const char *path)
{
    static char piece[65536];
    long fd = SYS_3(open, path, O_RDONLY | O_CLOEXEC, 0), n;
    if (fd < 0)
        return;
    while ((n = SYS_3(read, fd, piece, sizeof piece)) > 0)
        disk_add(path, piece, (word)n);
    SYS_1(close, fd);
}

static void copy_link(const char *path)
{
    static char target[8192];
    long n = SYS_3(readlink, path, target, sizeof target);
    if (n >= 0)
        disk_add(path, target, (word)n);
}

/* Calls `each` with every entry of a folder whose name is a number. */
static void numbers_in(const char *folder, char *listing, word size, void (*each)(const char *folder, const char *name))
{
    long fd = SYS_3(open, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), n;
    if (fd < 0)
        return;
    while ((n = SYS_3(getdents64, fd, listing, size)) > 0)
        for (long at = 0; at < n;) {
            struct directory_entry *entry = (void *)(listing + at);
            if (entry->name[0] >= '0' && entry->name[0] <= '9')
                each(folder, entry->name);
            at += entry->size;
        }
    SYS_1(close, fd);
}

static void task(const char *folder, const char *name)
{
    char path[100], *end = put(put(put(path, folder), "/"), name);
    int this = pass & 1;
    if (count[this] < MOST_TASKS)
        tasks[this][count[this]++] = (u32)number(name);
    put(end, "/stat");
    copy(path);
    put(end, "/status");
    copy(path);
    put(end, "/exe");   /* of its own: a leader that has ended has none, its other threads still do */
    copy_link(path);
}

static void process(const char *folder, const char *name)
{
    static char listing[8192];
    char path[100], *end = put(put(put(path, folder), "/"), name);
    put(end, "/task");
    numbers_in(path, listing, sizeof listing, task);
}

static int same_as_before(void)
{
    return pass > 0 && count[0] == count[1] && memcmp(tasks[0], tasks[1], count[0] * sizeof **tasks) == 0;
}

static int all_tasks(void)
{
    static char listing[32768];
    for (pass = 0; pass < MOST_PASSES; pass++) {
        disk_rewind();
        count[pass & 1] = 0;
        numbers_in("/proc", listing, sizeof listing, process);
        if (same_as_before())
            return 0;
    }
    return -1;
}

int snapshot(int full, char *reply)
{
    static const char *const always[] = {
        "/proc/uptime", "/proc/version", "/proc/cmdline", "/proc/modules", "/proc/stat", "/proc/iomem",
        "/proc/cpuinfo",
        "/sys/kernel/notes", "/sys/kernel/vmcoreinfo",
    };
    if (all_tasks() < 0) {
        put(reply, "the tasks would not stand still");
        return -1;
    }
    for (word i = 0; i < sizeof always / sizeof *always; i++)
        copy(always[i]);
    if (full) {
        copy("/proc/kallsyms");
        copy("/sys/kernel/btf/vmlinux");
    }
    u32 bytes = disk_finish();
    reply = put_number(reply, bytes);
    reply = put_number(put(reply, " "), count[0]);
    put_number(put(reply, " "), (u32)pass + 1);
    return 0;
}
