/* The first process of the KVM lab's outer guest: puts the host's file system, read-only, under a writable layer, runs one command
 * in it with its output on the second serial port, writes the exit status to the third, and ends the machine.
 * "/lab" has what to run, as NUL-terminated texts: the shared folder (may be empty), the working folder, then the
 * arguments, an empty text, the environment, an empty text. */
#include "agent.h"

enum { NR_reboot = 169, MS_RDONLY = 1, MOST = 512 };

static char texts[1 << 16];
static char *words[MOST];

static void mounted(const char *what, const char *at, const char *type, word flags, const char *options)
{
    make_folders(at);
    SYS_2(mkdir, at, 0755);
    long error = SYS_5(mount, what, at, type, flags, options);
    if (error < 0)
        complain("cannot mount", at, error);
}

static void mount_system(const char *root)
{
    static const char *const mounts[][2] = { { "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" } };
    for (word i = 0; i < sizeof mounts / sizeof *mounts; i++) {
        char path[40];
        put(put(path, root), mounts[i][1]);
        mounted(mounts[i][0], path, mounts[i][0], 0, "");
    }
}

/* SIOCSIFFLAGS with IFF_UP | IFF_RUNNING (linux/sockios.h, linux/if.h): the inner machines may want 127.0.0.1. */
static void loopback_up(void)
{
    struct { char name[16]; short flags; char rest[22]; } request = { "lo", 0x41, "" };
    long fd = SYS_3(socket, 2, 2, 0);
    SYS_3(ioctl, fd, 0x8914, &request);
    SYS_1(close, fd);
}

static void mount_host(const char *shared)
{
    char path[1024] = "/merged";
    mounted("host", "/host", "9p", MS_RDONLY, "trans=virtio,version=9p2000.L,msize=512000,cache=loose");
    mounted("tmpfs", "/layer", "tmpfs", 0, "");
    SYS_2(mkdir, "/layer/upper", 0755);
    SYS_2(mkdir, "/layer/work", 0755);
    mounted("overlay", "/merged", "overlay", 0, "lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work");
    mount_system("/merged");
    mounted("tmpfs", "/merged/dev/shm", "tmpfs", 0, "");
    if (*shared) {
        put(path + length(path), shared);
        mounted("shared", path, "9p", 0, "trans=virtio,version=9p2000.L,msize=512000,cache=none");
    }
}

static void redirect(void)
{
    long in = SYS_3(open, "/dev/null", O_RDONLY, 0), out = SYS_3(open, "/dev/ttyS1", O_RDWR | O_NOCTTY, 0);
    make_raw(out);
    SYS_2(dup2, in, 0);
    SYS_2(dup2, out, 1);
    SYS_2(dup2, out, 2);
}

static void tell(u32 status)
{
    char line[16];
    long port = SYS_3(open, "/dev/ttyS2", O_RDWR | O_NOCTTY, 0);
    make_raw(port);
    put(put_number(line, status), "\n");
    SYS_3(write, port, line, length(line));
    SYS_1(close, port); /* waits until it is sent, as the exit of the command did for its own port */
}

/* As a shell has it: the exit code, or 128 and the signal. Orphans that end meanwhile are taken in, too. */
static u32 run(const char *folder, char **arguments, char **environment)
{
    int status = 0;
    long pid = SYS_0(fork), ended;
    if (pid == 0) {
        redirect();
        SYS_1(chroot, "/merged");
        SYS_1(chdir, folder);
        SYS_3(execve, arguments[0], arguments, environment);
        SYS_1(exit_group, 127);
    }
    do
        ended = SYS_4(wait4, -1, &status, 0, 0);
    while (ended != pid && ended > 0);
    return status & 127 ? 128 + (u32)(status & 127) : (u32)status >> 8 & 255;
}

int program(int argc, char **argv, char **envp)
{
    (void)argc, (void)argv, (void)envp;
    char *at = texts;
    word count = 0, environment = 0;
    mount_system("");
    load_modules();
    long size = read_file("/lab", texts, sizeof texts);
    const char *shared = at, *folder = at += length(at) + 1;
    at += length(at) + 1;
    for (; at < texts + size && count < MOST - 1; at += length(at) + 1) {
        if (*at)
            words[count++] = at;
        else if (!environment) {
            words[count++] = 0;
            environment = count;
        }
    }
    words[count] = 0;
    loopback_up();
    mount_host(shared);
    tell(run(folder, words, words + environment));
    SYS_4(reboot, 0xfee1dead, 672274793, 0x4321fedc, 0); /* LINUX_REBOOT_CMD_POWER_OFF */
    return 1;
}
