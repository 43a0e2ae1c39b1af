/* Processes whose executables lie in places that are hard to name: other mounts, chroots, mount and pid namespaces,
 * files deleted after the start, files that never had a name. */
#include "agent.h"

static void from(const char *path, u32 uid)
{
    launch(&(struct launch){ path, 0, uid, uid, -1, 0 });
}

static void place(const char *path)
{
    make_folders(path);
    copy_file(APP, path);
}

static void mount_at(const char *type, const char *path)
{
    make_folders(path);
    SYS_2(mkdir, path, 0755);
    long error = SYS_5(mount, type, path, type, 0, 0);
    if (error < 0)
        complain("cannot mount", path, error);
}

static void bind(const char *what, const char *path)
{
    make_folders(path);
    SYS_2(mkdir, path, 0755);
    long error = SYS_5(mount, what, path, "", MS_BIND, 0);
    if (error < 0)
        complain("cannot bind", path, error);
}

static void on_other_mounts(void)
{
    mount_at("tmpfs", "/mnt/data");
    place("/mnt/data/bin/on-tmpfs");
    from("/mnt/data/bin/on-tmpfs", 0);
    mount_at("tmpfs", "/mnt/data/nested/inner");
    place("/mnt/data/nested/inner/on-nested-mount");
    from("/mnt/data/nested/inner/on-nested-mount", 1000);
    bind("/mnt/data/bin", "/srv/bound");
    from("/srv/bound/on-tmpfs", 1001);
    bind("/usr/sbin", "/srv/bound-root");
    from("/srv/bound-root/cron", 0);
}

static void in_chroot(void)
{
    place("/srv/jail/bin/jailed");
    if (SYS_0(fork) != 0)
        return;
    SYS_1(chroot, "/srv/jail");
    SYS_1(chdir, "/");
    become(&(struct launch){ "/bin/jailed", 0, 1006, 1006, -1, 0 });
}

static void deleted(void)
{
    place("/usr/local/bin/gone");
    from("/usr/local/bin/gone", 0);
    place("/tmp/gone (deleted)");
    from("/tmp/gone (deleted)", 1000);
    place("/usr/local/bin/kept (deleted)");
    from("/usr/local/bin/kept (deleted)", 1000);
}

void after_start(void)
{
    SYS_1(unlink, "/usr/local/bin/gone");
    SYS_1(unlink, "/tmp/gone (deleted)");
}

static void from_memory(void)
{
    if (SYS_0(fork) != 0)
        return;
    long fd = SYS_2(memfd_create, "no name on disk", 0);
    char path[40];
    put_number(put(path, "/proc/self/fd/"), (u32)fd);
    copy_file(APP, path);
    long readable = SYS_3(open, path, O_RDONLY, 0);
    SYS_1(close, fd);
    become(&(struct launch){ "from-memory", 0, 0, 0, -1, (int)readable });
}

/* A container as runtimes make them: own mount and pid namespace, a root of its own moved over the old one. */
static void container(const char *name, int levels)
{
    long pid = clone_with(CLONE_NEWNS | CLONE_NEWPID);
    if (pid != 0)
        return;
    char path[200];
    SYS_5(mount, "", "/", "", MS_REC | MS_PRIVATE, 0);
    put(put(path, "/run/containers/"), name);
    mount_at("tmpfs", path);
    SYS_1(chdir, path);
    put(put(path + length(path), "/usr/bin/"), name);
    place(path);
    put(path + length(path), "-child");
    place(path);
    copy_file(APP, "app");
    SYS_5(mount, ".", "/", "", MS_MOVE, 0);
    SYS_1(chroot, ".");
    SYS_1(chdir, "/");
    put(put(path, "/usr/bin/"), name);
    if (levels > 1)
        container("pod-in-pod", levels - 1);
    char child[200];
    put(put(child, path), "-child");
    from(child, 1000);
    become(&(struct launch){ path, 0, 0, 0, -1, 0 });
}

/* pivot_root(2) refuses the initramfs as the old root, so a tmpfs serves as one. */
static void pivoted(void)
{
    if (clone_with(CLONE_NEWNS) != 0)
        return;
    SYS_5(mount, "", "/", "", MS_REC | MS_PRIVATE, 0);
    mount_at("tmpfs", "/run/pivot");
    SYS_2(mkdir, "/run/pivot/new", 0755);
    mount_at("tmpfs", "/run/pivot/new");
    place("/run/pivot/new/sbin/pivoted");
    SYS_1(chroot, "/run/pivot");
    SYS_1(chdir, "/new");
    SYS_2(mkdir, "old", 0755);
    long error = SYS_2(pivot_root, ".", "old");
    if (error < 0)
        complain("cannot pivot to", "/run/pivot/new", error);
    SYS_1(chroot, ".");
    SYS_1(chdir, "/");
    SYS_2(umount2, "/old", 2);
    become(&(struct launch){ "/sbin/pivoted", 0, 1007, 1007, -1, 0 });
}

void start_in_places(void)
{
    on_other_mounts();
    in_chroot();
    deleted();
    from_memory();
    container("pod", 2);
    pivoted();
}
