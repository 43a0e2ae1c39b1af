/* The guest's first process. */
#include "agent.h"

static void mount_system(void)
{
    static const char *const mounts[][2] = {
        { "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" }, { "tmpfs", "/run" }, { "tmpfs", "/tmp" },
    };
    for (word i = 0; i < sizeof mounts / sizeof *mounts; i++) {
        SYS_2(mkdir, mounts[i][1], 0755);
        long error = SYS_5(mount, mounts[i][0], mounts[i][1], mounts[i][0], 0, 0);
        if (error < 0)
            complain("cannot mount", mounts[i][1], error);
    }
}

static void open_console(void)
{
    long fd = SYS_3(open, "/dev/console", O_RDWR | O_NOCTTY, 0);
    for (long i = 0; i < 3; i++)
        if (fd != i)
            SYS_2(dup2, fd, i);
    if (fd > 2)
        SYS_1(close, fd);
}

int program(int argc, char **argv, char **envp)
{
    (void)argc, (void)argv, (void)envp;
    static char settings[4096];
    mount_system();
    open_console();
    load_modules();
    write_file("/proc/sys/kernel/kptr_restrict", "0");
    if (disk_open() < 0)
        complain("no disk", "/dev/vda", 0);
    read_file("/proc/cmdline", settings, sizeof settings);
    ready_begin();
    start_processes((u32)setting(settings, "vmipl.extra", 0));
    ready_wait();
    after_start();
    serve_commands();
}
